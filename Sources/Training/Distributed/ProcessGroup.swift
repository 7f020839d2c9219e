import Files
import Segmentation

/// The processes that train one network together. Each makes the same calls in the same order.
///
/// Its functions do not throw: where another process has died or is cut off, the run ends on all.
protocol ProcessGroup: Sendable {
    /// This process's number, from 0. Process 0 writes the run's files.
    var rank: Int { get }
    /// The number of processes.
    var size: Int { get }
    /// Every process's bytes, in the order of the ranks. A barrier, too.
    func gather(_ own: [UInt8]) -> [[UInt8]]
    /// A sum over all processes of `count` numbers, to be made again and again.
    func makeSum(of count: Int) -> any GradientBucket
    /// Waits for sums that were started.
    func finish(_ sums: [any GradientBucket])
    /// Leaves the group once all have come here.
    func leave()
}

/// Numbers that are added over all processes, in memory of their own.
protocol GradientBucket: AnyObject {
    /// Written before ``start()``; holds the sums once the group has finished.
    var values: UnsafeMutableBufferPointer<Float> { get }
    /// Starts without waiting. All processes start their sums in the same order.
    func start()
    /// Moves the work on without waiting.
    func advance()
}

/// One process, which is all of today's runs on one machine.
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

    /// Runs `body` on every process. If it throws on any, it throws on all: the error of the lowest
    /// rank where it was thrown, ``ProcessFailed`` elsewhere. If it only ``Interruption``s, all are
    /// interrupted.
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

/// Another process failed, and says why.
public struct ProcessFailed: UserError {
    /// Its number, from 0.
    public let rank: Int
    /// True if it found a fault of the data set.
    let isDataError: Bool
    /// The process.
    public var subject: String { "process \(rank)" }
    /// That it failed.
    public var problem: String { "failed and says why" }
    /// Empty: the process says it.
    public var remedy: String { "" }
    /// The run failed, not this process's input.
    public var category: UserErrorCategory { .internal }
}
