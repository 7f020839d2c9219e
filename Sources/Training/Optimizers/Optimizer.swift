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

    /// Puts a saved state in place of this one's. Throws ``OptimizerStateError`` and changes nothing unless all of it is there in the right shapes.
    public func restore(_ saved: [String: Tensor], steps: Int) throws {
        for (name, tensor) in state {
            guard let other = saved[name] else { throw OptimizerStateError(name: name, expected: tensor.shape, got: nil) }
            guard other.shape == tensor.shape else { throw OptimizerStateError(name: name, expected: tensor.shape, got: other.shape) }
        }
        try withTorchErrors {
            for (name, tensor) in state { saved[name].map(tensor.assign) }
        }
        self.steps = steps
    }
}

/// A saved state that belongs to another optimizer or to other parameters.
public struct OptimizerStateError: Error, Sendable, CustomStringConvertible {
    public let name: String
    public let expected: [Int]
    /// Nil where there is no tensor of that name.
    public let got: [Int]?

    public var description: String { "optimizer state \(name): expected shape \(expected), got \(got.map { "\($0)" } ?? "nothing")" }
}
