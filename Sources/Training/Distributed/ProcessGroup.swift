import Files
import Segmentation

/// The processes that train one network together. Each makes the same calls in the same order.
///
/// Its functions do not throw: if a process dies or is cut off, the run ends on all.
protocol ProcessGroup: Sendable {
    /// This process's number, from 0. Process 0 writes the run's files.
    var rank: Int { get }
    /// The number of processes.
    var size: Int { get }
    /// Every process's bytes, in the order of the ranks. Also a barrier.
    func gather(_ own: [UInt8]) -> [[UInt8]]
    /// A sum of `count` numbers over all processes, which can be made any number of times.
    func makeSum(of count: Int) -> any GradientBucket
    /// Waits for sums that were started.
    func finish(_ sums: [any GradientBucket])
    /// Waits for all processes, then leaves the group.
    func leave()
}

/// Numbers that are added over all processes, in memory of their own.
protocol GradientBucket: AnyObject {
    /// Written before ``start()``; holds the sums once the group has finished.
    var values: UnsafeMutableBufferPointer<Float> { get }
    /// Starts, and goes on while this process does other work. All processes start their sums in the
    /// same order.
    func start()
}

/// A group of one process.
struct Alone: ProcessGroup {
    var rank: Int { 0 }
    var size: Int { 1 }
    func gather(_ own: [UInt8]) -> [[UInt8]] { [own] }
    func makeSum(of count: Int) -> any GradientBucket { preconditionFailure("one process has nothing to add") }
    func finish(_ sums: [any GradientBucket]) {}
    func leave() {}
}

extension ProcessGroup {
    /// Waits until every process is here.
    func meet() { _ = gather([0 as UInt8]) }

    /// Every process's numbers, in the order of the ranks.
    func gather(_ own: [Double]) -> [[Double]] {
        gather(own.withUnsafeBytes { Array($0) }).map { bytes in
            bytes.withUnsafeBytes { raw in (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) } }
        }
    }

    /// Runs `body` on every process, and throws on all if it throws on any. The failed process of
    /// the lowest rank throws its own error, the others ``ProcessFailed``. If ``Interruption`` is all
    /// that was thrown, every process throws it.
    func together<Value>(_ body: () throws -> Value) throws -> Value {
        guard size > 1 else { return try body() }
        let own = Result(catching: body)
        var code: UInt8 = 0
        if case .failure(let error) = own { code = error is Interruption ? 1 : error is DataError ? 3 : 2 }
        let codes = gather([code]).map { $0[0] }
        if let failed = codes.firstIndex(where: { $0 > 1 }) {
            guard failed == rank else { throw ProcessFailed(rank: failed, isDataError: codes[failed] == 3) }
            return try own.get()
        }
        guard !codes.contains(1) else { throw Interruption() }
        return try own.get()
    }
}

/// The run was asked to stop.
struct Interruption: Error {}

/// Another process failed, and reports the reason itself.
public struct ProcessFailed: UserError {
    /// Its number, from 0.
    public let rank: Int
    /// True if it found a fault of the data set.
    let isDataError: Bool
    /// The process.
    public var subject: String { "process \(rank)" }
    /// The failure, without its reason.
    public var problem: String { "failed and says why" }
    /// Empty: the failed process reports it.
    public var remedy: String { "" }
    /// The run failed, not this process's input.
    public var category: UserErrorCategory { .internal }
}
