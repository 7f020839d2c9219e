import Torch

/// Adds the gradients of all processes, in buckets, while the backward pass still runs.
///
/// Buckets are filled in the reverse order of the parameters, which is about the order in which
/// gradients come. A bucket is sent as soon as it and those before it are full, so that all
/// processes send in the same order.
final class GradientSum {
    /// Values in a bucket: 4 MiB. Smaller ones cost latency, larger ones start late.
    static let bucketSize = 1 << 20

    private let parameters: [Tensor]
    private let group: any ProcessGroup
    private var buckets: [Bucket] = []
    /// Each parameter's bucket.
    private var bucketOf: [Int]
    private var notices: GradientNotices?
    /// True in the backward pass of a step's last batch: only then are gradients complete.
    private var isLast = false
    private var next = 0
    /// Parameters that have a gradient on any process; nil before the first step.
    private var haveGradient: [Bool]?

    private struct Bucket {
        var parameters: [Int] = []
        var offsets: [Int] = []
        var count = 0
        var missing = 0
        var sum: (any GradientBucket)?
    }

    init(_ parameters: [Tensor], _ group: any ProcessGroup, bucketSize: Int = GradientSum.bucketSize) {
        (self.parameters, self.group) = (parameters, group)
        bucketOf = Array(repeating: 0, count: parameters.count)
        for index in parameters.indices.reversed() {
            let count = parameters[index].count
            if buckets.isEmpty || buckets[buckets.count - 1].count + count > bucketSize { buckets.append(Bucket()) }
            let last = buckets.count - 1
            bucketOf[index] = last
            buckets[last].parameters.append(index)
            buckets[last].offsets.append(buckets[last].count)
            buckets[last].count += count
        }
        for index in buckets.indices { buckets[index].sum = group.makeSum(of: buckets[index].count) }
        // A GPU's backward pass runs on a thread of its own, and MPI is this thread's: its gradients
        // are sent after the pass, through the host.
        guard parameters.first?.device.isCPU != false else { return }
        notices = GradientNotices(parameters) { [unowned self] in arrived($0) }
    }

    /// Runs a step's last backward pass, and replaces the gradients by their sums over all
    /// processes. A process without pictures does nothing in `backward`, and adds zeros.
    func callAsFunction(_ backward: () throws -> Void) throws {
        for index in buckets.indices { buckets[index].missing = buckets[index].parameters.count }
        (isLast, next) = (true, 0)
        defer { isLast = false }
        try backward()
        while next < buckets.count { sendNext() }
        group.finish(buckets.compactMap(\.sum))
        if haveGradient == nil {
            let flags = group.gather(parameters.map { $0.gradient == nil ? 0 : 1 as UInt8 })
            haveGradient = parameters.indices.map { i in flags.contains { $0[i] == 1 } }
        }
        try withTorchErrors { withoutGradients { takeSums() } }
    }

    private func arrived(_ index: Int) {
        guard isLast else { return }
        buckets[bucketOf[index]].missing -= 1
        while next < buckets.count, buckets[next].missing == 0 { sendNext() }
        // MPI works only while it is called.
        for bucket in buckets[..<next] { bucket.sum?.advance() }
    }

    private func sendNext() {
        let bucket = buckets[next]
        next += 1
        guard let sum = bucket.sum else { return }
        for (index, offset) in zip(bucket.parameters, bucket.offsets) {
            let values = slice(sum, offset, parameters[index].count)
            // A parameter without a gradient here: no picture, or no part in the loss.
            if let gradient = parameters[index].gradient { gradient.copy(to: values) } else { values.update(repeating: 0) }
        }
        sum.start()
    }

    private func takeSums() {
        for bucket in buckets {
            guard let sum = bucket.sum else { continue }
            for (index, offset) in zip(bucket.parameters, bucket.offsets) {
                guard haveGradient?[index] == true else { continue }
                let parameter = parameters[index]
                let values = UnsafeBufferPointer(slice(sum, offset, parameter.count))
                parameter.setGradient(Tensor(copying: values, shape: parameter.shape, on: parameter.device))
            }
        }
    }

    private func slice(_ sum: any GradientBucket, _ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: sum.values[start..<start + count])
    }
}
