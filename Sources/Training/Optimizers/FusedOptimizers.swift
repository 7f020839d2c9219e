import Runs
import Torch

/// Adam and AdamW through libtorch's fused step: one pass over weight, gradient and moments.
final class FusedAdam: StatefulOptimizer {
    private static let adam = Operator("aten::_fused_adam_")
    private static let adamW = Operator("aten::_fused_adamw_")

    var learningRate: Double
    var steps = 0

    private let options: OptimizerConfiguration
    let kept: OptimizerState
    private let averages: [Tensor]
    private let squares: [Tensor]
    private let greatestSquares: [Tensor]

    init(_ parameters: [Tensor], _ options: OptimizerConfiguration) {
        self.options = options
        learningRate = options.learningRate
        kept = OptimizerState(parameters, fused: true)
        averages = kept.perParameter("exp_avg")
        squares = kept.perParameter("exp_avg_sq")
        greatestSquares = options.amsgrad ? kept.perParameter("max_exp_avg_sq") : []
    }

    func step() {
        steps += 1
        withoutGradients {
            // The fused step expects counters that already include this step.
            let updated = kept.advance()
            guard !updated.indices.isEmpty else { return }
            _ = (options.name == .adamw ? Self.adamW : Self.adam)(
                [
                    .tensors(updated.of(parameters)), .tensors(updated.gradients), .tensors(updated.of(averages)),
                    .tensors(updated.of(squares)),
                    .tensors(options.amsgrad ? updated.of(greatestSquares) : []), .tensors(updated.of(kept.counters)),
                ],
                named: [
                    ("lr", .double(learningRate)), ("beta1", .double(options.betas[0])), ("beta2", .double(options.betas[1])),
                    ("weight_decay", .double(options.weightDecay)), ("eps", .double(options.epsilon)), ("amsgrad", .bool(options.amsgrad)),
                    ("maximize", .bool(false)),
                ],
                results: 0)
        }
    }
}

/// SGD through libtorch's fused step.
final class FusedSGD: StatefulOptimizer {
    private static let sgd = Operator("aten::_fused_sgd_")

    var learningRate: Double
    var steps = 0

    private let options: OptimizerConfiguration
    let kept: OptimizerState
    private let momenta: [Tensor]

    init(_ parameters: [Tensor], _ options: OptimizerConfiguration) {
        self.options = options
        learningRate = options.learningRate
        kept = OptimizerState(parameters)
        momenta = options.momentum != 0 ? kept.perParameter("momentum_buffer") : []
    }

    func step() {
        steps += 1
        withoutGradients {
            for (count, updated) in kept.advanceByCount() {
                let momenta = options.momentum != 0 ? updated.of(momenta) : []
                _ = Self.sgd(
                    [.tensors(updated.of(parameters)), .tensors(updated.gradients), .tensors(momenta)],
                    named: [
                        ("weight_decay", .double(options.weightDecay)), ("momentum", .double(options.momentum)),
                        ("lr", .double(learningRate)),
                        ("dampening", .double(options.dampening)), ("nesterov", .bool(options.nesterov)), ("maximize", .bool(false)),
                        // The first gradient becomes the momentum without damping.
                        ("is_first_step", .bool(count == 1 && options.momentum != 0)),
                    ],
                    results: 0)
            }
        }
    }
}

/// AdamW (arXiv:1711.05101), the paper's optimiser.
package final class AdamW: Optimizer {
    private let fused: FusedAdam

    package var parameters: [Tensor] { fused.parameters }
    package var learningRate: Double {
        get { fused.learningRate }
        set { fused.learningRate = newValue }
    }
    package var steps: Int {
        get { fused.steps }
        set { fused.steps = newValue }
    }
    package var state: [(name: String, tensor: Tensor)] { fused.state }

    /// Defaults are the published settings.
    package init(
        _ parameters: [Tensor], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 1e-2
    ) {
        var options = OptimizerConfiguration(.adamw, learningRate: learningRate)
        (options.betas, options.epsilon, options.weightDecay) = ([betas.0, betas.1], epsilon, weightDecay)
        fused = FusedAdam(parameters, options)
    }

    package func step() { fused.step() }
}
