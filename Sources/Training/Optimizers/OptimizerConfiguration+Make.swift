import Runs
import Torch

extension OptimizerConfiguration {
    /// Creates the optimiser for parameters that record gradients. The caller must have checked
    /// ``problems``.
    package func make(_ parameters: [Tensor]) -> any Optimizer {
        precondition(problems.isEmpty, "\(problems)")
        return switch name {
        case .adam, .adamw: FusedAdam(parameters, self)
        case .sgd: FusedSGD(parameters, self)
        case .adadelta: ElementwiseOptimizer<AdadeltaRule>(parameters, self)
        case .adagrad: ElementwiseOptimizer<AdagradRule>(parameters, self)
        case .adamax: ElementwiseOptimizer<AdamaxRule>(parameters, self)
        case .asgd: ElementwiseOptimizer<ASGDRule>(parameters, self)
        case .rmsprop: ElementwiseOptimizer<RMSpropRule>(parameters, self)
        case .rprop: ElementwiseOptimizer<RpropRule>(parameters, self)
        }
    }
}
