import Networks
import Torch

/// Adds the sums that make up a loss over the processes that share a batch.
package struct BatchSum: Sendable {
    /// For a batch that this process has alone.
    package static let own = BatchSum(group: Alone(), part: nil)

    let group: any ProcessGroup
    let part: BatchPart?

    /// The number of pictures in the whole batch, of which this process has `own`.
    func pictures(own count: Int) -> Int { max(part?.total ?? count, 1) }

    /// Adds tensors over all processes. The sums have the same bits everywhere. Gradients reach this
    /// process's tensors unchanged, because every process computes the whole loss.
    func sum(_ tensors: [Tensor]) -> [Tensor] {
        guard group.size > 1 else { return tensors }
        let own = Tensor.concatenated(tensors.map { $0.reshaped([-1]) }, axis: 0).to(.float64)
        let parts = group.gather(own.detached().floats().map(Double.init))
        // A process with a pending error has no values; it ends the run after this call.
        let whole = (0..<(parts.map(\.count).max() ?? 0)).map { i in
            Float(parts.reduce(0.0) { $0 + (i < $1.count ? $1[i] : 0) })
        }
        // In float64, own + (whole − own) is `whole` once it is rounded to float32.
        let others = Tensor(whole, shape: [whole.count], on: own.device).to(.float64) - own.detached()
        let sums = (own + others).to(.float32)
        var start = 0
        return tensors.map { tensor in
            defer { start += tensor.count }
            return sums.narrowed(axis: 0, start: start, length: tensor.count).reshaped(tensor.shape)
        }
    }
}
