import TensorFiles
import Torch

/// Moves numbers between the devices of a group's processes, in order with the devices' other work.
protocol DeviceTransport {
    var size: Int { get }
    /// Sends row r of `own` to process r. Returns what was sent here, a row per process.
    func exchange(_ own: Tensor) throws -> Tensor
    /// Every process's values in the order of the ranks, one after the other.
    func gather(_ own: Tensor) throws -> Tensor
    /// Waits until all is done.
    func finish() throws
}

/// Adds the gradients of all processes on their GPUs, after the backward pass.
///
/// Each process adds its share of the values in the order of the ranks, in float64, and rounds once:
/// the same numbers as ``GradientSum``'s. A library's own sum would have another order for each
/// network of cables.
final class DeviceGradientSum: GradientSumming {
    private let parameters: [Tensor]
    private let group: any ProcessGroup
    private let transport: any DeviceTransport
    private let layout: GradientLayout
    private let wireType: ElementType
    private var haveGradient: [Bool]?

    init(_ parameters: [Tensor], _ group: any ProcessGroup, _ transport: any DeviceTransport, bfloat16: Bool) {
        (self.parameters, self.group, self.transport) = (parameters, group, transport)
        layout = GradientLayout(parameters)
        wireType = bfloat16 ? .bfloat16 : .float32
    }

    func callAsFunction(_ backward: () throws -> Void) throws {
        try backward()
        let haveGradient = self.haveGradient ?? group.whichHaveGradients(parameters)
        self.haveGradient = haveGradient
        try withTorchErrors {
            try withoutGradients {
                for bucket in layout.buckets { try add(bucket.members, count: bucket.count, haveGradient) }
            }
        }
        try transport.finish()
    }

    private func add(_ members: [(parameter: Int, offset: Int)], count: Int, _ haveGradient: [Bool]) throws {
        let share = (count + transport.size - 1) / transport.size
        // No gradient here: this process has no picture, or the loss does not use the parameter.
        var parts = members.map { member in
            let parameter = parameters[member.parameter]
            return (parameter.gradient ?? parameter.detached().zerosLike()).reshaped([-1])
        }
        let padding = share * transport.size - count
        if padding > 0, let first = parts.first { parts.append(.row(0, count: padding, on: first.device)) }
        let whole = Tensor.concatenated(parts, axis: 0).reshaped([transport.size, share]).to(wireType)
        let received = try transport.exchange(whole)
        var total = received.narrowed(axis: 0, start: 0, length: 1).to(.float64)
        for r in 1..<transport.size { total = total + received.narrowed(axis: 0, start: r, length: 1).to(.float64) }
        let sums = try transport.gather(total.to(.float32).to(wireType).reshaped([share])).to(.float32)
        for (index, offset) in members where haveGradient[index] {
            let parameter = parameters[index]
            parameter.setGradient(sums.narrowed(axis: 0, start: offset, length: parameter.count).reshaped(parameter.shape))
        }
    }
}
