import Torch

/// An average of the weights over the steps, the recent ones counting most: average ← decay · average + (1 − decay) · weights.
///
/// As PyTorch's `AveragedModel` with `get_ema_multi_avg_fn`: the first update takes the weights as they are.
public final class ExponentialMovingAverage {
    public let decay: Double
    private let parameters: [Tensor]
    private let averages: [Tensor]
    /// Updates so far, one element, on the host.
    private let updates = Tensor([0 as Float], shape: [1])

    /// An average that begins with the parameters' present values. `decay` is at least 0 and below 1.
    public init(_ parameters: [Tensor], decay: Double) {
        precondition(decay >= 0 && decay < 1, "decay: expected at least 0 and below 1, got \(decay)")
        self.decay = decay
        self.parameters = parameters
        averages = withoutGradients { parameters.map { $0.detached().copied() } }
    }

    /// Takes the parameters' values of now into the average; once after each step of the optimizer.
    public func update() {
        withoutGradients {
            if updates.item == 0 {
                for (average, parameter) in zip(averages, parameters) { average.assign(parameter) }
            } else {
                Each.move(averages, towards: parameters, by: 1 - decay)
            }
            updates.assign(updates + 1)
        }
    }

    /// Tensors of the state under stable names ("average.3" is that of parameter 3). Overwriting their values restores the state.
    public var state: [(name: String, tensor: Tensor)] { [("updates", updates)] + averages.enumerated().map { ("average.\($0)", $1) } }

    /// Runs `body` with the averages in the parameters' place, and puts the parameters back whatever happens.
    public func withAveragedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
        swap()
        defer { swap() }
        return try body()
    }

    /// Exchanges averages and parameters, one at a time: no third copy of the whole. In a scope of its own, so that an error of the body, after which the
    /// body's scope skips all operations, does not leave the averages in the parameters' place.
    private func swap() {
        do {
            try withTorchErrors {
                for (average, parameter) in zip(averages, parameters) {
                    let kept = withoutGradients { parameter.detached().copied() }
                    parameter.assign(average)
                    average.assign(kept)
                }
            }
        } catch {
            report(error as? TorchError ?? TorchError(operation: "exchange of averaged weights", reason: "\(error)", isOutOfMemory: false))
        }
    }
}
