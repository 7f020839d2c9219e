import Dispatch
import Foundation

/// Runs work on every core for the duration of one call.
enum Parallel {
    static var workers: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// The results of `work(0…count−1)` in order, run on at most `limit` threads at once. Tasks
    /// start in order of their index.
    static func map<Result: Sendable>(_ count: Int, limit: Int = .max, _ work: @Sendable (Int) -> Result) -> [Result] {
        let results = Collected<Result>()
        DispatchQueue.concurrentPerform(iterations: max(1, min(count, limit, workers))) { _ in
            while let index = results.next(below: count) { results.store(work(index), at: index) }
        }
        return results.inOrder
    }

    private final class Collected<Result: Sendable>: @unchecked Sendable {  // every access holds the lock
        private let lock = NSLock()
        private var started = 0
        private var finished: [(index: Int, result: Result)] = []

        func next(below count: Int) -> Int? {
            lock.withLock {
                guard started < count else { return nil }
                started += 1
                return started - 1
            }
        }

        func store(_ result: Result, at index: Int) { lock.withLock { finished.append((index, result)) } }

        var inOrder: [Result] { lock.withLock { finished.sorted { $0.index < $1.index }.map(\.result) } }
    }
}
