import Torch

/// The buckets in which gradients are sent.
///
/// They are filled in the reverse order of the parameters, which is about the order in which
/// gradients come.
struct GradientLayout {
    /// Values in a bucket: 4 MiB. Smaller ones cost latency, larger ones start late.
    private static let bucketSize = 1 << 20

    /// The buckets' parameters, each with the place of its values.
    private(set) var buckets: [(members: [(parameter: Int, offset: Int)], count: Int)] = []
    /// Each parameter's bucket.
    private(set) var bucketOf: [Int]

    init(_ parameters: [Tensor]) {
        bucketOf = [Int](repeating: 0, count: parameters.count)
        for index in parameters.indices.reversed() {
            let count = parameters[index].count
            if buckets.isEmpty || buckets[buckets.count - 1].count + count > Self.bucketSize { buckets.append(([], 0)) }
            let last = buckets.count - 1
            bucketOf[index] = last
            buckets[last].members.append((index, buckets[last].count))
            buckets[last].count += count
        }
    }
}

/// Replaces gradients by their sums over all processes.
protocol GradientSumming {
    /// Runs a step's last backward pass, and replaces the gradients. A process without pictures does
    /// nothing in `backward`, and adds zeros.
    func callAsFunction(_ backward: () throws -> Void) throws
}

extension ProcessGroup {
    /// Parameters that have a gradient on any process.
    func whichHaveGradients(_ parameters: [Tensor]) -> [Bool] {
        let flags = gather(parameters.map { $0.gradient == nil ? 0 : 1 as UInt8 })
        return parameters.indices.map { i in flags.contains { $0[i] == 1 } }
    }
}
