import TensorFiles
import Torch

/// y = x·Wᵀ, the network's Linear: no bias anywhere but in the patch embedding.
struct Linear {
    let weight: Tensor  // weight [outputs, inputs]

    init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int) {
        weight = path.parameter("weight", [outputs, inputs], .truncatedNormal(standardDeviation: 0.02, limit: 2))
    }

    func callAsFunction(_ x: Tensor) -> Tensor { VMUNetOperators.linear(x, weight) }

    /// The result in float32, whatever x is in: for the residual stream.
    func inFloat32(_ x: Tensor) -> Tensor { VMUNetOperators.linear(x, weight, to: .float32) }

    /// residual + x·Wᵀ in one pass over the result.
    func callAsFunction(_ x: Tensor, addedTo residual: Tensor) -> Tensor { VMUNetOperators.linear(x, weight, residual: residual) }

    /// The first and the second half of the outputs.
    func halves(_ x: Tensor) -> (Tensor, Tensor) { VMUNetOperators.linearHalves(x, weight) }
}

/// LayerNorm over the channels, eps 1e-5; statistics in float32.
struct LayerNorm {
    let weight: Tensor  // weight [C]
    let bias: Tensor  // bias [C]

    init(_ path: ParameterPath, channels C: Int) {
        weight = path.parameter("weight", [C], .constant(1))
        bias = path.parameter("bias", [C], .constant(0))
    }

    /// Normalised, in the element type that matrix products want in this mode.
    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor { VMUNetOperators.layerNorm(x, weight, bias, mode.precision) }

    /// LayerNorm(y) · silu(z).
    func gated(_ y: Tensor, by z: Tensor) -> Tensor { VMUNetOperators.normGate(y, weight, bias, z) }
}

/// silu(3×3 depthwise convolution), padding 1.
struct DepthwiseConvolution {
    let weight: Tensor  // weight [D, 1, 3, 3]
    let bias: Tensor  // bias [D]

    init(_ path: ParameterPath, channels D: Int) {
        // A fan-in of nine: each channel sees its own 3×3 neighbourhood alone.
        weight = path.parameter("weight", [D, 1, 3, 3], .uniform(bound: 1 / 3))
        bias = path.parameter("bias", [D], .uniform(bound: 1 / 3))
    }

    func callAsFunction(_ x: Tensor) -> Tensor { VMUNetOperators.depthwiseConvolutionSiLU(x, weight, bias) }
}

/// How a forward pass runs: its precision, and whether stochastic depth is drawn.
public struct ForwardMode: Sendable {
    /// Element type of the matrix products: float32 or bfloat16. Residual stream, statistics, states and sums are float32 always, and so are the patch embedding
    /// and the final projection.
    public var precision: ElementType
    /// Whether blocks are dropped at random, from libtorch's generator.
    public var isTraining: Bool

    public init(precision: ElementType = .float32, isTraining: Bool = false) {
        self.precision = precision
        self.isTraining = isTraining
    }

    public static let inference = ForwardMode()
    public static let training = ForwardMode(isTraining: true)

    /// Stochastic depth: for each image 0, or 1 / (1 − rate) with probability 1 − rate. Nil where nothing is ever dropped.
    func dropPathScale(rate: Double, images: Int, device: Device) -> Tensor? {
        guard isTraining, rate > 0 else { return nil }
        let keep = 1 - rate
        return withoutGradients { (Tensor.random(count: images, device: device) + keep).floored() * (1 / keep) }
    }
}
