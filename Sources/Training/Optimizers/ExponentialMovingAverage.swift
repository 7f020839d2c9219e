import Torch

/// An average of the weights over the steps that favours recent ones: average ← decay · average +
/// (1 − decay) · weights.
///
/// Equals PyTorch's `AveragedModel` with `get_ema_multi_avg_fn`: the first update copies the
/// weights.
package final class ExponentialMovingAverage {
    package let decay: Double
    private let parameters: [Tensor]
    private let averages: [Tensor]
    /// The number of updates, one element, on the host.
    private let updates = Tensor([0 as Float], shape: [1])

    /// Starts from the parameters' current values. `decay` is at least 0 and below 1.
    package init(_ parameters: [Tensor], decay: Double) {
        precondition(decay >= 0 && decay < 1, "decay: expected at least 0 and below 1, got \(decay)")
        self.decay = decay
        self.parameters = parameters
        averages = withoutGradients { parameters.map { $0.detached().copied() } }
    }

    /// Adds the parameters' current values to the average. Call it once after each step of the
    /// optimiser.
    package func update() {
        withoutGradients {
            if updates.item == 0 {
                for (average, parameter) in zip(averages, parameters) { average.assign(parameter) }
            } else {
                Each.move(averages, towards: parameters, by: 1 - decay)
            }
            updates.assign(updates + 1)
        }
    }

    /// The state's tensors under stable names ("average.3" belongs to parameter 3). Overwriting
    /// their values restores the state.
    package var state: [(name: String, tensor: Tensor)] { [("updates", updates)] + averages.enumerated().map { ("average.\($0)", $1) } }

    /// Runs `body` with the averages in place of the parameters, and always restores the
    /// parameters.
    package func withAveragedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
        swap()
        defer { swap() }
        return try body()
    }

    /// Exchanges averages and parameters one at a time, without a third copy. It has its own error
    /// scope: after an error, the body's scope skips all operations and would leave the averages in
    /// place.
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
            report(error as? TorchError ?? TorchError(operation: "exchanging averaged weights", reason: "\(error)", isOutOfMemory: false))
        }
    }
}
