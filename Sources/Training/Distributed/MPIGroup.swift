import CMPI

/// Processes that mpirun or srun started, through MPI.
struct MPIGroup: ProcessGroup {
    let rank: Int
    let size: Int
    /// Seconds after which a process that does not answer counts as dead.
    let patience: Double
    /// This process among those of its machine, from 0.
    let localRank: Int
    /// Processes on this machine.
    let localSize: Int
    /// True to send gradients in bfloat16.
    let bfloat16: Bool

    /// Nil, with a reason, if MPI cannot start.
    static func start(patience: Double, bfloat16: Bool) -> (group: MPIGroup?, reason: String) {
        var (rank, size): (Int32, Int32) = (0, 1)
        var (localRank, localSize): (Int32, Int32) = (0, 1)
        var reason: UnsafePointer<CChar>?
        guard cm_start(patience, &rank, &size, &localRank, &localSize, &reason) else {
            return (nil, reason.map { String(cString: $0) } ?? "MPI cannot start")
        }
        let group = MPIGroup(
            rank: Int(rank), size: Int(size), patience: patience, localRank: Int(localRank), localSize: Int(localSize), bfloat16: bfloat16)
        return (group, "")
    }

    /// Bytes that go along with their number: nearly all that is gathered in a step, in one exchange.
    private static let atOnce = 248

    func gather(_ own: [UInt8]) -> [[UInt8]] {
        let first = withUnsafeBytes(of: UInt64(own.count)) { Array($0) } + own.prefix(Self.atOnce)
        let heads = gathered(first + [UInt8](repeating: 0, count: 8 + Self.atOnce - first.count))
        let counts = heads.map { head in Int(head.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }) }
        let most = counts.max() ?? 0
        guard most > Self.atOnce else { return zip(heads, counts).map { Array($0.dropFirst(8).prefix($1)) } }
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
}
