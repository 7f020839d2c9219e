import Torch
import VMUNet

extension NetworkKind {
    /// MALUNet (Ruan et al., 2022), under its published keys.
    static let malunet = sixStages("malunet", title: "MALUNet", of: MALUNetStage.self, marker: "encoder4.0.linear_0.weight")
}

/// MALUNet: external attention and dilated gated attention in six stages, 0.18 million parameters.
typealias MALUNet = SixStageUNet<MALUNetStage>

/// External attention, then dilated gated attention; in the decoder the order is reversed.
struct MALUNetStage: SixStageUNetStage {
    let external: ExternalAttention  // 0, in the decoder 1
    let gated: DilatedGatedAttention  // 1, in the decoder 0
    let isDecoder: Bool

    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, isDecoder: Bool) {
        self.isDecoder = isDecoder
        external = ExternalAttention(path / (isDecoder ? 1 : 0), channels: isDecoder ? outputs : inputs)
        gated = DilatedGatedAttention(path / (isDecoder ? 0 : 1), inputs, outputs)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {
        isDecoder ? external(gated(x, mode), mode) : gated(external(x, mode), mode)
    }
}

/// Attention to a memory shared by all pictures: keys and values are weights. The attention is
/// normalised twice, over the positions and over the memory.
struct ExternalAttention: Sendable {
    let input: Convolution  // conv1
    let keys: Tensor  // linear_0.weight [4C, C, 1]
    let values: Tensor  // linear_1.weight [C, 4C, 1]
    let output: Convolution  // conv2
    let norm: GroupNorm  // norm_layer

    init(_ path: TorchPath, channels C: Int) {
        input = Convolution(path / "conv1", C, C, kernel: 1, start: .normal)
        keys = path.parameter("linear_0.weight", [4 * C, C, 1], .normal(2 / Double(C)))
        values = path.parameter("linear_1.weight", [C, 4 * C, 1], .normal(2 / Double(C)))
        output = Convolution(path / "conv2", C, C, kernel: 1, hasBias: false, start: .normal)
        norm = GroupNorm(path / "norm_layer", channels: C, groups: 4)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, C, H, W]
        let (B, C, H, W) = (x.size(0), x.size(1), x.size(2), x.size(3))
        let tokens = input(x, mode.precision).reshaped([B, C, H * W])
        let type = tokens.elementType
        let attention = tokens.convolvedAlong(keys.to(type)).to(.float32).softmax(axis: -1)  // [B, 4C, HW]
        let normalized = attention / (attention.sum(axes: [1]).reshaped([B, 1, H * W]) + 1e-9)
        let y = normalized.to(type).convolvedAlong(values.to(type)).reshaped([B, C, H, W])
        return (norm(output(y, mode.precision)) + x).gelu()
    }
}

/// Four parallel depthwise convolutions of different reach, then a gated attention unit.
struct DilatedGatedAttention: Sendable {
    let reaches: [Convolution]  // mda0 … mda3
    let norm: GroupNorm  // norm_layer
    let mix: Convolution  // conv
    let gate: SeparableConvolution  // gau.w1.0
    let content: SeparableConvolution  // gau.w2.0
    let output: SeparableConvolution  // gau.wo.0
    let skip: Convolution  // gau.cw

    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int) {
        let C = inputs
        reaches = [7, 5, 2, 1].enumerated().map { i, dilation in
            Convolution(path / "mda\(i)", C / 4, C / 4, kernel: 3, dilation: dilation, groups: C / 4, start: .normal)
        }
        norm = GroupNorm(path / "norm_layer", channels: C, groups: 4)
        mix = Convolution(path / "conv", C, C, kernel: 1, start: .normal)
        gate = SeparableConvolution(path / "gau" / "w1" / 0, C, C, kernel: 3)
        content = SeparableConvolution(path / "gau" / "w2" / 0, C, C, kernel: 5)
        output = SeparableConvolution(path / "gau" / "wo" / 0, C, outputs, kernel: 3)
        skip = Convolution(path / "gau" / "cw", C, outputs, kernel: 1, start: .normal)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, inputs, H, W]
        let reached = zip(reaches, x.parts(4, axis: 1)).map { $0($1, mode.precision) }
        let y = mix(norm(.concatenated(reached, axis: 1)), mode.precision).gelu()
        let gated = gate(y, mode).sigmoid() * content(y, mode).gelu()
        return output(gated, mode).gelu() + skip(y, mode.precision)  // [B, outputs, H, W]
    }
}

/// A depthwise convolution, group normalisation, and a 1×1 convolution.
struct SeparableConvolution: Sendable {
    let depthwise: Convolution  // conv1
    let norm: GroupNorm  // norm_layer
    let pointwise: Convolution  // conv2

    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, kernel: Int) {
        depthwise = Convolution(path / "conv1", inputs, inputs, kernel: kernel, groups: inputs, start: .normal)
        norm = GroupNorm(path / "norm_layer", channels: inputs, groups: 4)
        pointwise = Convolution(path / "conv2", inputs, outputs, kernel: 1, start: .normal)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {
        pointwise(norm(depthwise(x, mode.precision)), mode.precision)
    }
}
