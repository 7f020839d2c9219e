/// Computes the network's operators. libtorch's engine trains and runs on GPUs; the kernels' engine
/// predicts on any CPU.
///
/// Maps are channels-last, [B, H, W, C]: B images, H rows, W columns, channels contiguous. Every
/// LayerNorm has eps 1e-5. Sums and statistics are float32 in every precision.
public protocol Engine {
    /// An activation.
    associatedtype Tensor
    /// Provides parameters while the network's layers are created.
    associatedtype Source: ParameterSource
    typealias Parameter = Source.Parameter

    /// Images [B, channels or 1, H, W] → patches [B, H/4, W/4, 16 · channels] in the order
    /// (channel, row, column) of a 4×4 convolution's weight. A single channel is repeated if the
    /// network has three.
    static func patchify(_ images: Tensor, channels: Int) -> Tensor
    /// x·Wᵀ (+ bias) (+ residual): [.., K] → [.., N], in `precision`; if nil, float32 with a
    /// residual and x's own without.
    static func linear(_ x: Tensor, _ weight: Parameter, bias: Parameter?, residual: Tensor?, to precision: Precision?) -> Tensor
    /// The two halves of x·Wᵀ: [.., K] → two of [.., N/2].
    static func linearHalves(_ x: Tensor, _ weight: Parameter) -> (Tensor, Tensor)
    /// LayerNorm of float32 over the channels; the result is in `precision`.
    static func layerNorm(_ x: Tensor, _ weight: Parameter, _ bias: Parameter, to precision: Precision) -> Tensor
    /// silu(3×3 depthwise convolution + bias), padding 1.
    static func depthwiseConvolutionSiLU(_ x: Tensor, _ weight: Parameter, _ bias: Parameter) -> Tensor
    /// The selective scan in four directions, with its projections: [B, H, W, D] → [B, H, W, D],
    /// float32.
    static func ss2d(_ x: Tensor, _ parameters: SS2DParameters<Parameter>) -> Tensor
    /// LayerNorm(y) · silu(z), in z's precision.
    static func normGate(_ y: Tensor, _ weight: Parameter, _ bias: Parameter, _ z: Tensor) -> Tensor
    /// Patch merging up to its Linear: [B, H, W, C] → normalised [B, H/2, W/2, 4C].
    static func mergeNorm(_ x: Tensor, _ weight: Parameter, _ bias: Parameter, to precision: Precision) -> Tensor
    /// Patch expanding after its Linear: [B, H, W, s·s·c] → normalised [B, H·s, W·s, c], float32.
    static func expandNorm(_ x: Tensor, _ weight: Parameter, _ bias: Parameter, scale: Int) -> Tensor
    /// The final projection after its Linear: [B, H, W, 16c] → LayerNorm, 1×1 convolution → logits
    /// [B, classes, 4H, 4W], float32.
    static func head(
        _ x: Tensor, normWeight: Parameter, normBias: Parameter, weight: Parameter, bias: Parameter
    ) -> Tensor
    /// x + scale · branch, `scale` [B] or 1; float32.
    static func addBranch(_ x: Tensor, _ branch: Tensor, scale: Tensor?) -> Tensor

    /// The values in another element type; x itself if it already has that type.
    static func cast(_ x: Tensor, to precision: Precision) -> Tensor
    /// Stochastic depth, for each image of x: 1 / (1 − rate) with probability 1 − rate, otherwise
    /// 0. Called in training only.
    static func branchScale(rate: Double, imagesOf x: Tensor) -> Tensor
    /// Runs a module of the network, named as in checkpoints. Engines measure time and look for NaN
    /// here.
    static func module(_ name: @autoclosure () -> String, _ body: () -> Tensor) -> Tensor
}

extension Engine {
    /// Runs `body`, without measuring or looking.
    public static func module(_ name: @autoclosure () -> String, _ body: () -> Tensor) -> Tensor { body() }
}

/// The parameters of a selective scan in four directions: D channels, N states, step rank R.
public struct SS2DParameters<Parameter> {
    /// δ, B and C of each direction: [4, R + 2N, D].
    public let xProjWeight: Parameter
    /// [4, D, R].
    public let dtProjsWeight: Parameter
    /// [4, D].
    public let dtProjsBias: Parameter
    /// A = −exp(A_logs): [4D, N].
    public let aLogs: Parameter
    /// [4D].
    public let ds: Parameter
}

extension SS2DParameters: Sendable where Parameter: Sendable {}

/// Element type of the matrix products. The residual stream, statistics, states and sums are always
/// float32.
public enum Precision: Sendable, Hashable {
    case float32, bfloat16
}

/// Settings of a forward pass: its precision, and stochastic depth on or off.
public struct ForwardMode: Sendable {
    /// Element type of the matrix products; the patch embedding and the final projection are
    /// float32 in every mode.
    public var precision: Precision
    /// True if blocks are dropped at random.
    public var isTraining: Bool

    /// Inference in float32 unless given.
    public init(precision: Precision = .float32, isTraining: Bool = false) {
        self.precision = precision
        self.isTraining = isTraining
    }

    /// Inference in float32.
    public static let inference = ForwardMode()
    /// Training in float32.
    public static let training = ForwardMode(isTraining: true)
}
