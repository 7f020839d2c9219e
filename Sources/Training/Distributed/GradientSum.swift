import Torch

/// Adds the gradients of all processes, in buckets, while the backward pass still runs.
///
/// A bucket is sent as soon as it and those before it are full, so that all processes send in the
/// same order.
final class GradientSum: GradientSumming {
    private let parameters: [Tensor]
    private let group: any ProcessGroup
    private var buckets: [Bucket]
    /// Each parameter's bucket.
    private let bucketOf: [Int]
    private var hooks: GradientHooks?
    /// True in the backward pass of a step's last batch: only then are gradients complete.
    private var isLast = false
    private var next = 0
    /// Parameters that have a gradient on any process; nil before the first step.
    private var haveGradient: [Bool]?

    private struct Bucket {
        /// Its parameters, each with the place of its values in the sum.
        let members: [(parameter: Int, offset: Int)]
        let sum: any GradientBucket
        /// Parameters whose gradients have not come yet.
        var missing = 0
    }

    init(_ parameters: [Tensor], _ group: any ProcessGroup) {
        (self.parameters, self.group) = (parameters, group)
        let layout = GradientLayout(parameters)
        bucketOf = layout.bucketOf
        buckets = layout.buckets.map { Bucket(members: $0.members, sum: group.makeSum(of: $0.count)) }
        // A GPU's backward pass runs on a thread of its own, and only this thread may call MPI. So
        // gradients are sent after the pass, through the host.
        guard parameters.first?.device.isCPU != false else { return }
        hooks = GradientHooks(parameters) { [unowned self] in arrived($0) }
    }

    func callAsFunction(_ backward: () throws -> Void) throws {
        for index in buckets.indices { buckets[index].missing = buckets[index].members.count }
        (isLast, next) = (true, 0)
        defer { isLast = false }
        try backward()
        while next < buckets.count { sendNext() }
        group.finish(buckets.map(\.sum))
        if haveGradient == nil { haveGradient = group.whichHaveGradients(parameters) }
        try withTorchErrors { withoutGradients { takeSums() } }
    }

    private func arrived(_ index: Int) {
        guard isLast else { return }
        buckets[bucketOf[index]].missing -= 1
        while next < buckets.count, buckets[next].missing == 0 { sendNext() }
    }

    private func sendNext() {
        let bucket = buckets[next]
        next += 1
        for (index, offset) in bucket.members {
            let values = slice(bucket.sum, offset, parameters[index].count)
            // No gradient here: this process has no picture, or the loss does not use the parameter.
            if let gradient = parameters[index].gradient { gradient.copy(to: values) } else { values.update(repeating: 0) }
        }
        bucket.sum.start()
    }

    private func takeSums() {
        for bucket in buckets {
            for (index, offset) in bucket.members where haveGradient?[index] == true {
                let parameter = parameters[index]
                let values = UnsafeBufferPointer(slice(bucket.sum, offset, parameter.count))
                parameter.setGradient(Tensor(copying: values, shape: parameter.shape, on: parameter.device))
            }
        }
    }

    private func slice(_ sum: any GradientBucket, _ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: sum.values[start..<start + count])
    }
}
