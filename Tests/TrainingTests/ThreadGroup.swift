import Foundation

@testable import Training

/// Processes that share a run, as threads of this one: what they do together is tested without MPI.
final class ThreadGroup: ProcessGroup, @unchecked Sendable {
    let rank: Int
    let size: Int
    private let exchange: Exchange
    private var calls = 0

    private init(rank: Int, size: Int, _ exchange: Exchange) { (self.rank, self.size, self.exchange) = (rank, size, exchange) }

    func gather(_ own: [UInt8]) -> [[UInt8]] {
        calls += 1
        return exchange.gather(own, rank: rank, size: size, call: calls)
    }
    func makeSum(of count: Int) -> any GradientBucket { preconditionFailure("not needed here") }
    func finish(_ sums: [any GradientBucket]) {}
    func leave() {}

    /// Runs `work` as `size` processes and returns their answers, in the order of the ranks.
    static func run<Answer: Sendable>(
        _ size: Int, _ work: @Sendable @escaping (any ProcessGroup) throws -> Answer
    ) throws -> [Answer] {
        let exchange = Exchange()
        let answers = AnswerList<Answer>(size)
        let group = DispatchGroup()
        for rank in 0..<size {
            let thread = Thread {
                answers.set(rank, Result { try work(ThreadGroup(rank: rank, size: size, exchange)) })
                group.leave()
            }
            group.enter()
            thread.start()
        }
        group.wait()
        return try answers.all().map { try $0.get() }
    }

    /// Threads that exchange bytes as processes do.
    private final class Exchange: @unchecked Sendable {
        private let condition = NSCondition()
        private var bytes: [Int: [Int: [UInt8]]] = [:]

        func gather(_ own: [UInt8], rank: Int, size: Int, call: Int) -> [[UInt8]] {
            condition.lock()
            defer { condition.unlock() }
            bytes[call, default: [:]][rank] = own
            condition.broadcast()
            while bytes[call]!.count < size { condition.wait() }
            return (0..<size).map { bytes[call]![$0]! }
        }
    }

    private final class AnswerList<Answer: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var answers: [Result<Answer, any Error>?]
        init(_ count: Int) { answers = Array(repeating: nil, count: count) }
        func set(_ index: Int, _ answer: Result<Answer, any Error>) { lock.withLock { answers[index] = answer } }
        func all() -> [Result<Answer, any Error>] { lock.withLock { answers.compactMap { $0 } } }
    }
}
