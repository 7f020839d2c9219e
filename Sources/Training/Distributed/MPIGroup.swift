import CMPI

/// Processes that mpirun or srun started, through MPI.
struct MPIGroup: ProcessGroup {
    let rank: Int
    let size: Int
    /// Processes on this machine.
    let localSize: Int
    /// True to send gradients in bfloat16.
    let bfloat16: Bool

    /// Nil, with a reason, if MPI cannot start.
    static func start(patience: Double, bfloat16: Bool) -> (group: MPIGroup?, reason: String) {
        var (rank, size, local): (Int32, Int32, Int32) = (0, 1, 1)
        var reason: UnsafePointer<CChar>?
        guard cm_start(patience, &rank, &size, &local, &reason) else {
            return (nil, reason.map { String(cString: $0) } ?? "MPI cannot start")
        }
        return (MPIGroup(rank: Int(rank), size: Int(size), localSize: Int(local), bfloat16: bfloat16), "")
    }

    func gather(_ own: [UInt8]) -> [[UInt8]] {
        let counts = gathered(withUnsafeBytes(of: UInt64(own.count)) { Array($0) }).map { bytes in
            Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        }
        let most = counts.max() ?? 0
        let all = gathered(own + [UInt8](repeating: 0, count: most - own.count))
        return zip(all, counts).map { Array($0.prefix($1)) }
    }

    /// Gathers bytes, the same number from each process.
    private func gathered(_ own: [UInt8]) -> [[UInt8]] {
        let count = own.count
        let all = [UInt8](unsafeUninitializedCapacity: count * size) { buffer, initialized in
            cm_gather(own, count, buffer.baseAddress)
            initialized = count * size
        }
        return (0..<size).map { Array(all[$0 * count..<($0 + 1) * count]) }
    }

    func makeSum(of count: Int) -> any GradientBucket { MPIBucket(count: count, bfloat16: bfloat16) }

    func finish(_ sums: [any GradientBucket]) {
        let handles = sums.map { ($0 as? MPIBucket)?.handle }
        cm_sums_finish(handles, Int64(handles.count))
    }

    func leave() { cm_finish() }
}

/// A sum through MPI.
private final class MPIBucket: GradientBucket {
    let handle: cm_sum
    let values: UnsafeMutableBufferPointer<Float>

    init(count: Int, bfloat16: Bool) {
        // cm_sum_make ends the run rather than return nothing.
        handle = cm_sum_make(Int64(count), bfloat16)!
        values = UnsafeMutableBufferPointer(start: cm_sum_values(handle), count: count)
    }

    deinit { cm_sum_free(handle) }

    func start() { cm_sum_start(handle) }
    func advance() { _ = cm_sum_advance(handle) }
}
