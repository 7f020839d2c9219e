import Networks
import Torch

/// Adds up what a loss is made of over the processes that have a part of the batch each.
package struct BatchSum: Sendable {
    /// The batch is this process's own.
    package static let own = BatchSum(group: Alone(), part: nil)

    let group: any ProcessGroup
    let part: BatchPart?

    /// Pictures in the whole batch, given this process's.
    func pictures(own count: Int) -> Int { max(part?.total ?? count, 1) }

    /// The sums over all processes of tensors that each made of its part: the same bits everywhere.
    /// Their derivative is passed on to this process's part unchanged, since every process computes
    /// the whole loss.
    func sum(_ tensors: [Tensor]) -> [Tensor] {
        guard group.size > 1 else { return tensors }
        let own = Tensor.concatenated(tensors.map { $0.reshaped([-1]) }, axis: 0).to(.float64)
        let parts = group.gather(own.detached().floats().map(Double.init))
        // After an error a process has no sums; it ends the run, once this call is over.
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
