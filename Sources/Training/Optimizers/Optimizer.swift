import Torch

/// Updates parameters by their gradients, step for step like PyTorch's optimiser of the same name.
///
/// An optimiser holds its own state, which checkpoints save and restore.
package protocol Optimizer: AnyObject {
    /// The parameters, in a fixed order.
    var parameters: [Tensor] { get }
    /// The learning rate of the next step.
    var learningRate: Double { get set }
    /// Updates the parameters once from their gradients; those without a gradient stay unchanged.
    func step()
    /// The state's tensors under stable names ("exp_avg.3" belongs to parameter 3; "step" counts
    /// each parameter's updates). Overwriting their values restores the state.
    var state: [(name: String, tensor: Tensor)] { get }
    /// The number of calls of ``step()``.
    var steps: Int { get set }
}

extension Optimizer {
    /// Drops all gradients.
    package func clearGradients() {
        for parameter in parameters { parameter.clearGradient() }
    }

    /// Sets all gradients to 0 in place and creates missing ones: recorded work adds to the memory
    /// it was recorded with. Parameters that then get no gradient are updated with a gradient of 0.
    package func zeroGradients() {
        withoutGradients {
            for parameter in parameters where parameter.gradient == nil { parameter.setGradient(parameter.zerosLike()) }
            Each.zero(parameters.compactMap(\.gradient))
        }
    }
}
