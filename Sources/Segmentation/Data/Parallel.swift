import Dispatch
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Work on every core for the length of one call.
package enum Parallel {
    /// The user's limit; 0 means one thread per processor.
    private static let limit = Atomic(0)

    /// Threads that share the work.
    static var workers: Int {
        let limit = limit.load(ordering: .relaxed)
        return limit > 0 ? limit : max(1, ProcessInfo.processInfo.activeProcessorCount)
    }

    /// Limits the threads of the whole process from now on.
    package static func allow(threads: Int) { limit.store(max(1, threads), ordering: .relaxed) }

    /// The results of `work(0…count−1)` in order, run on at most `limit` threads at once. Tasks
    /// start in order of their index.
    static func map<Result: Sendable>(_ count: Int, limit: Int = .max, _ work: @Sendable (Int) -> Result) -> [Result] {
        let started = Mutex(0)
        let results = Mutex([Result?](repeating: nil, count: count))
        DispatchQueue.concurrentPerform(iterations: max(1, min(count, limit, workers))) { _ in
            while true {
                let index = started.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < count else { return }
                let result = work(index)
                results.withLock { $0[index] = result }
            }
        }
        return results.withLock { $0.compactMap(\.self) }
    }

    /// The results of `work` for all elements, in order.
    static func map<Element: Sendable, Result: Sendable>(_ elements: [Element], _ work: @Sendable (Element) -> Result) -> [Result] {
        map(elements.count) { work(elements[$0]) }
    }
}
