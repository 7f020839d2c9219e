import Torch

/// Moves parameters against their gradients, as PyTorch's optimizer of the same name does, step for step.
///
/// An optimizer holds its own state, which a checkpoint saves and restores.
public protocol Optimizer: AnyObject {
    /// The parameters, in a fixed order.
    var parameters: [Tensor] { get }
    /// The rate of the next step.
    var learningRate: Double { get set }
    /// One update from the parameters' gradients; those without a gradient stay as they are.
    func step()
    /// Tensors of the state under stable names ("exp_avg.3" is that of parameter 3; "step" counts each parameter's updates). Overwriting their values
    /// restores the state.
    var state: [(name: String, tensor: Tensor)] { get }
    /// How often ``step()`` was called.
    var steps: Int { get set }
}

extension Optimizer {
    /// Forgets all gradients.
    public func clearGradients() {
        for parameter in parameters { parameter.clearGradient() }
    }

    /// Sets all gradients to 0 where they are, and makes those that are not there yet: recorded work adds to the memory that it was
    /// recorded with. Parameters that then get none are updated as by a gradient of 0.
    public func zeroGradients() {
        withoutGradients {
            for parameter in parameters where parameter.gradient == nil { parameter.setGradient(parameter.zerosLike()) }
            Each.zero(parameters.compactMap(\.gradient))
        }
    }
}
