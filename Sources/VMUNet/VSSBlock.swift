import Torch

/// Visual state space block (section III-C, figure 2b): `x + DropPath(SS2D-branch(LayerNorm(x)))`.
struct VSSBlock {
    let norm: LayerNorm  // ln_1
    let attention: SelfAttention  // self_attention
    let dropRate: Double

    init(_ path: ParameterPath, channels C: Int, stateSize: Int, dropRate: Double) {
        norm = LayerNorm(path / "ln_1", channels: C)
        attention = SelfAttention(path / "self_attention", channels: C, stateSize: stateSize)
        self.dropRate = dropRate
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        attention(norm(x, mode), residual: x, dropRate: dropRate, mode)
    }

    /// The block's branch, under the name that checkpoints give it: there is no attention in it.
    struct SelfAttention {
        let inProjection: Linear  // in_proj      C → 2D, no bias
        let convolution: DepthwiseConvolution  // conv2d       3×3 over D channels
        let ss2d: SS2D  // x_proj_weight, dt_projs_*, A_logs, Ds
        let outNorm: LayerNorm  // out_norm     D
        let outProjection: Linear  // out_proj     D → C, no bias

        init(_ path: ParameterPath, channels C: Int, stateSize N: Int) {
            let D = 2 * C
            let R = (C + 15) / 16
            inProjection = Linear(path / "in_proj", C, 2 * D)
            convolution = DepthwiseConvolution(path / "conv2d", channels: D)
            ss2d = SS2D(path, channels: D, stateSize: N, rank: R)
            outNorm = LayerNorm(path / "out_norm", channels: D)
            outProjection = Linear(path / "out_proj", D, C)
        }

        func callAsFunction(_ h: Tensor, residual x: Tensor, dropRate: Double, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
            let (h, z) = inProjection.halves(h)  // [B, H, W, D] each
            let y = ss2d(convolution(h))  // [B, H, W, D], silu after the convolution, four directions summed
            let gated = outNorm.gated(y, by: z)  // LayerNorm(y) · silu(z)
            guard let kept = mode.dropPathScale(rate: dropRate, images: x.size(0), device: x.device) else {
                return outProjection(gated, addedTo: x)  // [B, H, W, C]
            }
            return VMUNetOperators.addBranch(x, outProjection(gated), scale: kept)
        }
    }
}
