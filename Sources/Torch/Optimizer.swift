/// Moves parameters against their gradients. An optimizer holds its own state, one entry a parameter, which a checkpoint saves and restores.
public protocol Optimizer: AnyObject {
    /// The parameters, in a fixed order.
    var parameters: [Tensor] { get }
    /// The rate of the next step.
    var learningRate: Double { get set }
    /// One update from the parameters' gradients; those without a gradient stay as they are.
    func step()
    /// Tensors of the state under stable names ("exp_avg.3"), beside the count of steps.
    var state: [(name: String, tensor: Tensor)] { get }
    var steps: Int { get set }
}

extension Optimizer {
    /// Forgets all gradients.
    public func clearGradients() {
        for parameter in parameters { parameter.clearGradient() }
    }
}

/// AdamW through libtorch's fused step: one pass over weight, gradient and both moments.
public final class AdamW: Optimizer {
    private static let fused = Operator("aten::_fused_adamw_")

    public let parameters: [Tensor]
    public var learningRate: Double
    public let betas: (Double, Double)
    public let epsilon: Double
    public let weightDecay: Double
    public var steps = 0 {
        didSet { for counter in stepCounters { counter.fill(Double(steps)) } }
    }

    private let averages: [Tensor]
    private let squares: [Tensor]
    private let stepCounters: [Tensor]

    public init(_ parameters: [Tensor], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 1e-2) {
        self.parameters = parameters
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        averages = withoutGradients { parameters.map { $0.zerosLike() } }
        squares = withoutGradients { parameters.map { $0.zerosLike() } }
        stepCounters = parameters.map { Tensor([0 as Float], shape: []).to($0.device) }
    }

    public var state: [(name: String, tensor: Tensor)] {
        averages.indices.flatMap { [("exp_avg.\($0)", averages[$0]), ("exp_avg_sq.\($0)", squares[$0])] }
    }

    public func step() {
        steps += 1
        let present = parameters.indices.compactMap { i in parameters[i].gradient.map { (i, $0) } }
        guard !present.isEmpty else { return }
        let chosen = { (all: [Tensor]) in present.map { all[$0.0] } }
        // The counters already hold this step's number: the fused step reads them as such.
        withoutGradients {
            _ = Self.fused(
                [.tensors(chosen(parameters)), .tensors(present.map(\.1)), .tensors(chosen(averages)), .tensors(chosen(squares)), .tensors([]),
                 .tensors(chosen(stepCounters))],
                named: [("lr", .double(learningRate)), ("beta1", .double(betas.0)), ("beta2", .double(betas.1)),
                        ("weight_decay", .double(weightDecay)), ("eps", .double(epsilon)), ("amsgrad", .bool(false)), ("maximize", .bool(false))],
                results: 0)
        }
    }
}
