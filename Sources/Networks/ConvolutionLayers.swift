import Torch
import VMUNet

/// A place in the tree of checkpoint keys, in a store of libtorch's tensors.
typealias TorchPath = ParameterPath<ParameterStore>

/// A convolution, as `nn.Conv2d`. Its padding keeps the map's size if the stride is 1.
struct Convolution: Sendable {
    /// The distribution of new weights.
    enum Start: Sendable {
        /// PyTorch's own: uniform in ±1/√fan-in, the bias as well.
        case uniform
        /// Normal, of variance 2 / fan-out; the bias is zero.
        case normal
    }

    let weight: Tensor  // weight [outputs, inputs / groups, k, k]
    let bias: Tensor?  // bias [outputs]
    let stride: Int
    let dilation: Int
    let groups: Int

    init(
        _ path: TorchPath, _ inputs: Int, _ outputs: Int, kernel k: Int, stride: Int = 1, dilation: Int = 1, groups: Int = 1,
        hasBias: Bool = true, start: Start = .uniform
    ) {
        let bound = 1 / Double(inputs / groups * k * k).squareRoot()
        let values: (weight: InitialValues, bias: InitialValues) =
            switch start {
            case .uniform: (.uniform(bound: bound), .uniform(bound: bound))
            case .normal: (.normal(2 / Double(k * k * outputs / groups)), .constant(0))
            }
        weight = path.parameter("weight", [outputs, inputs / groups, k, k], values.weight)
        bias = hasBias ? path.parameter("bias", [outputs], values.bias) : nil
        (self.stride, self.dilation, self.groups) = (stride, dilation, groups)
    }

    /// [B, inputs, H, W] → [B, outputs, ⌈H / stride⌉, ⌈W / stride⌉], in `precision`.
    func callAsFunction(_ x: Tensor, _ precision: Precision) -> Tensor { self(x, weight: weight, precision) }

    /// Convolves with `weight` instead of its own weights, such as their standardised form.
    func callAsFunction(_ x: Tensor, weight: Tensor, _ precision: Precision) -> Tensor {
        let type = precision.elementType
        return x.to(type).convolved(
            weight.to(type), bias: bias?.to(type), stride: stride, padding: weight.size(-1) / 2 * dilation, dilation: dilation,
            groups: groups)
    }
}

/// A transposed convolution that enlarges the map by `scale`, as `nn.ConvTranspose2d` with that
/// stride.
struct TransposedConvolution: Sendable {
    let weight: Tensor  // weight [inputs, outputs, k, k]
    let bias: Tensor?  // bias [outputs]
    let scale: Int

    /// The kernel is as wide as the stride unless given; a given kernel's padding keeps the output
    /// at `scale` times the input.
    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, scale: Int, kernel: Int? = nil, hasBias: Bool = true) {
        let k = kernel ?? scale
        // PyTorch takes the second axis for the fan-in, here the outputs.
        let bound = 1 / Double(outputs * k * k).squareRoot()
        weight = path.parameter("weight", [inputs, outputs, k, k], .uniform(bound: bound))
        bias = hasBias ? path.parameter("bias", [outputs], .uniform(bound: bound)) : nil
        self.scale = scale
    }

    /// [B, inputs, H, W] → [B, outputs, scale · H, scale · W], in `precision`.
    func callAsFunction(_ x: Tensor, _ precision: Precision) -> Tensor {
        let type = precision.elementType
        let padding = (weight.size(-1) - scale + 1) / 2
        return x.to(type).convolvedTransposed(
            weight.to(type), bias: bias?.to(type), stride: scale, padding: padding, more: scale + 2 * padding - weight.size(-1))
    }
}

/// A 3×3 convolution, batch normalisation and ReLU.
struct NormedConvolution: Sendable {
    let convolution: Convolution
    let norm: BatchNorm

    /// The paths are those of the two layers.
    init(_ convolution: TorchPath, norm: TorchPath, _ inputs: Int, _ outputs: Int, hasBias: Bool = true) {
        self.convolution = Convolution(convolution, inputs, outputs, kernel: 3, hasBias: hasBias)
        self.norm = BatchNorm(norm, channels: outputs)
    }

    /// [B, inputs, H, W] → [B, outputs, H, W].
    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {
        norm(convolution(x, mode.precision), isTraining: mode.isTraining).rectified()
    }
}

/// Normalises groups of channels of each image, as `nn.GroupNorm`; float32.
struct GroupNorm: Sendable {
    let weight: Tensor  // weight [C]
    let bias: Tensor  // bias [C]
    let groups: Int
    let epsilon: Double

    init(_ path: TorchPath, channels C: Int, groups: Int, epsilon: Double = 1e-5) {
        weight = path.parameter("weight", [C], .constant(1))
        bias = path.parameter("bias", [C], .constant(0))
        (self.groups, self.epsilon) = (groups, epsilon)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        x.to(.float32).groupNormalized(groups, weight: weight, bias: bias, epsilon: epsilon)
    }
}

/// Batch normalisation with running statistics, as `nn.BatchNorm2d`.
struct BatchNorm: Sendable {
    private static let (momentum, epsilon) = (0.1, 1e-5)

    let weight: Tensor  // weight [C]
    let bias: Tensor  // bias [C]
    let runningMean: Tensor  // running_mean [C]
    let runningVariance: Tensor  // running_var [C]
    let batches: Tensor  // num_batches_tracked [], for PyTorch alone

    init(_ path: TorchPath, channels C: Int) {
        weight = path.parameter("weight", [C], .constant(1))
        bias = path.parameter("bias", [C], .constant(0))
        runningMean = path.buffer("running_mean", [C], 0)
        runningVariance = path.buffer("running_var", [C], 1)
        batches = path.buffer("num_batches_tracked", [], 0, .int64)
    }

    /// Training normalises by the batch's statistics and updates the running ones; inference uses
    /// the running ones.
    func callAsFunction(_ x: Tensor, isTraining: Bool) -> Tensor {
        if isTraining { batches.add(1) }
        return x.batchNormalized(
            weight: weight, bias: bias, runningMean: runningMean, runningVariance: runningVariance, isTraining: isTraining,
            momentum: Self.momentum, epsilon: Self.epsilon)
    }
}

extension InitialValues {
    /// Normal around 0, of this variance.
    static func normal(_ variance: Double) -> InitialValues {
        .truncatedNormal(standardDeviation: variance.squareRoot(), limit: .infinity)
    }
}

extension Tensor {
    /// Enlarges to twice the size, bilinear, corners aligned.
    func doubled() -> Tensor { upsampledBilinear(height: 2 * size(2), width: 2 * size(3), alignsCorners: true) }

    /// Repeats a single channel to `channels`; other pictures stay as they are.
    func repeated(channels: Int) -> Tensor {
        size(1) == 1 && channels > 1 ? .concatenated(Array(repeating: self, count: channels), axis: 1) : self
    }
}
