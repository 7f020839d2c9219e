import Torch
import VMUNet

/// A place in the tree of checkpoint keys, in a store of libtorch's tensors.
typealias TorchPath = ParameterPath<ParameterStore>

/// A convolution with padding that keeps the map's size, as `nn.Conv2d` with its initial weights.
struct Convolution: Sendable {
    let weight: Tensor  // weight [outputs, inputs, k, k]
    let bias: Tensor?  // bias [outputs]

    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, kernel k: Int, hasBias: Bool = true) {
        let bound = 1 / Double(inputs * k * k).squareRoot()
        weight = path.parameter("weight", [outputs, inputs, k, k], .uniform(bound: bound))
        bias = hasBias ? path.parameter("bias", [outputs], .uniform(bound: bound)) : nil
    }

    /// [B, inputs, H, W] → [B, outputs, H, W], in `precision`.
    func callAsFunction(_ x: Tensor, _ precision: Precision) -> Tensor {
        let type = precision.elementType
        return x.to(type).convolved(weight.to(type), bias: bias?.to(type), padding: weight.size(-1) / 2)
    }
}

/// A transposed convolution of a stride of its own size: the map `scale` times as large, as
/// `nn.ConvTranspose2d`.
struct TransposedConvolution: Sendable {
    let weight: Tensor  // weight [inputs, outputs, scale, scale]
    let bias: Tensor  // bias [outputs]

    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, scale: Int) {
        // PyTorch takes the second axis for the fan-in, here the outputs.
        let bound = 1 / Double(outputs * scale * scale).squareRoot()
        weight = path.parameter("weight", [inputs, outputs, scale, scale], .uniform(bound: bound))
        bias = path.parameter("bias", [outputs], .uniform(bound: bound))
    }

    /// [B, inputs, H, W] → [B, outputs, scale · H, scale · W], in `precision`.
    func callAsFunction(_ x: Tensor, _ precision: Precision) -> Tensor {
        let type = precision.elementType
        return x.to(type).convolvedTransposed(weight.to(type), bias: bias.to(type), stride: weight.size(-1))
    }
}

/// Batch normalisation with running statistics, as `nn.BatchNorm2d`.
struct BatchNorm: Sendable {
    private static let (momentum, epsilon) = (0.1, 1e-5)

    let weight: Tensor  // weight [C]
    let bias: Tensor  // bias [C]
    let runningMean: Tensor  // running_mean [C]
    let runningVariance: Tensor  // running_var [C]
    let batches: Tensor  // num_batches_tracked [], which nothing here reads and PyTorch wants

    init(_ path: TorchPath, channels C: Int) {
        weight = path.parameter("weight", [C], .constant(1))
        bias = path.parameter("bias", [C], .constant(0))
        runningMean = path.buffer("running_mean", [C], 0)
        runningVariance = path.buffer("running_var", [C], 1)
        batches = path.buffer("num_batches_tracked", [], 0, .int64)
    }

    /// By the batch's statistics in training, which go into the running ones; by those otherwise.
    func callAsFunction(_ x: Tensor, isTraining: Bool) -> Tensor {
        if isTraining { batches.add(1) }
        return x.batchNormalized(
            weight: weight, bias: bias, runningMean: runningMean, runningVariance: runningVariance, isTraining: isTraining,
            momentum: Self.momentum, epsilon: Self.epsilon)
    }
}

extension Tensor {
    /// Pictures of one channel as ones of `channels` alike.
    func repeated(channels: Int) -> Tensor {
        size(1) == 1 && channels > 1 ? .concatenated(Array(repeating: self, count: channels), axis: 1) : self
    }
}
