import Torch

/// 4×4 convolution with stride 4, then LayerNorm (section III-B).
struct PatchEmbedding {
    let weight: Tensor  // proj.weight [C, 3, 4, 4]
    let bias: Tensor  // proj.bias [C]
    let norm: LayerNorm  // norm

    init(_ path: ParameterPath, channels C: Int) {
        let bound = 1 / Double(3 * 4 * 4).squareRoot()
        weight = path.parameter("proj.weight", [C, 3, 4, 4], .uniform(bound: bound))
        bias = path.parameter("proj.bias", [C], .uniform(bound: bound))
        norm = LayerNorm(path / "norm", channels: C)
    }

    /// Float32 in every mode, like the final projection: a hundredth of the time, a third of what bfloat16 costs in accuracy.
    func callAsFunction(_ image: Tensor) -> Tensor {  // [B, 3 or 1, H, W]
        let patches = VMUNetOperators.patchify(image)  // [B, H/4, W/4, 48]
        let x = VMUNetOperators.linear(patches, weight.reshaped([weight.size(0), 48]), bias: bias)  // [B, H/4, W/4, C]
        return norm(x, ForwardMode())
    }
}

/// Halves the map and doubles the channels: four neighbours joined, LayerNorm, Linear 4C → 2C.
struct PatchMerging {
    let norm: LayerNorm  // norm
    let reduction: Linear  // reduction

    init(_ path: ParameterPath, channels C: Int) {
        norm = LayerNorm(path / "norm", channels: 4 * C)
        reduction = Linear(path / "reduction", 4 * C, 2 * C)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        let joined = VMUNetOperators.mergeNorm(x, norm.weight, norm.bias, mode.precision)  // [B, H/2, W/2, 4C]
        return reduction.inFloat32(joined)  // [B, H/2, W/2, 2C]
    }
}

/// Doubles the map and halves the channels: Linear C → 2C, channels to 2×2 space, LayerNorm.
struct PatchExpanding {
    let expand: Linear  // expand
    let norm: LayerNorm  // norm

    init(_ path: ParameterPath, channels C: Int) {
        expand = Linear(path / "expand", C, 2 * C)
        norm = LayerNorm(path / "norm", channels: C / 2)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        VMUNetOperators.expandNorm(expand(x.to(mode.precision)), norm.weight, norm.bias, scale: 2)  // [B, 2H, 2W, C/2]
    }
}

/// Linear C → 4C, channels to 4×4 space, LayerNorm, and a 1×1 convolution to the classes.
struct FinalProjection {
    let expand: Linear  // final_up.expand
    let norm: LayerNorm  // final_up.norm
    let weight: Tensor  // final_conv.weight [classes, C/4, 1, 1]
    let bias: Tensor  // final_conv.bias [classes]

    init(_ path: ParameterPath, channels C: Int, classes: Int) {
        expand = Linear(path / "final_up" / "expand", C, 4 * C)
        norm = LayerNorm(path / "final_up" / "norm", channels: C / 4)
        let bound = 1 / Double(C / 4).squareRoot()
        weight = path.parameter("final_conv.weight", [classes, C / 4, 1, 1], .uniform(bound: bound))
        bias = path.parameter("final_conv.bias", [classes], .uniform(bound: bound))
    }

    /// Float32 in every mode: see the patch embedding.
    func callAsFunction(_ x: Tensor) -> Tensor {  // [B, H, W, C]
        VMUNetOperators.head(expand(x), norm.weight, norm.bias, weight, bias)  // [B, classes, 4H, 4W]
    }
}
