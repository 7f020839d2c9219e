import Dispatch
import Foundation
import Imaging
import Metrics
import Segmentation

/// Runs waiting pictures side by side, one thread each; a single picture gets all threads. Clients
/// take turns. Large pictures run beside the others, one at a time, so that they hold up none.
final class PictureQueue: @unchecked Sendable {  // `condition` guards everything mutable
    private struct Waiting {
        let work: PictureWork
        let since: ContinuousClock.Instant
        let answer: CheckedContinuation<PictureAnswer, any Error>

        func run() {
            Recorder(label: "vmunet_stage_seconds", dimensions: [("stage", "wait")]).record((ContinuousClock.now - since) / .seconds(1))
            answer.resume(with: Result { try work.run() })
        }
    }

    private let condition = NSCondition()
    private var waiting = FairQueue<Waiting>()
    private var isRunning = false
    /// Threads of a round that have a picture.
    private var busy = 0

    private let network: any InferenceNetwork
    private let sharedPixels: Int
    private let small = DispatchQueue(label: "pictures", qos: .userInitiated)
    private let large = DispatchQueue(label: "large pictures", qos: .utility)

    /// `network` divides work over the threads that all networks share.
    init(_ network: any InferenceNetwork, sharedPixels: Int) { (self.network, self.sharedPixels) = (network, sharedPixels) }

    /// Segments a picture of `pixels` pixels when its client's turn comes.
    func run(_ work: PictureWork, pixels: Int, client: String) async throws -> PictureAnswer {
        try await withCheckedThrowingContinuation { continuation in
            let picture = Waiting(work: work, since: .now, answer: continuation)
            guard pixels <= sharedPixels else { return large.async { picture.run() } }
            let begins = condition.withLock {
                waiting.add(picture, of: client)
                condition.broadcast()
                defer { isRunning = true }
                return !isRunning
            }
            if begins { small.async { self.drain() } }
        }
    }

    private func drain() {
        while true {
            let (single, count) = condition.withLock {
                if waiting.count == 0 { isRunning = false }
                return (waiting.count == 1 ? waiting.next() : nil, waiting.count)
            }
            if let single {
                single.run()
            } else if count > 0 {
                network.sideBySide(ProcessInfo.processInfo.activeProcessorCount) { _ in takeTurns() }
            } else {
                return
            }
        }
    }

    /// One thread's part of a round: pictures until none waits and no thread has any. A thread that
    /// finds none waits for arrivals as long as another is busy: it would otherwise stay idle until
    /// that one is done, at worst half of the time.
    private func takeTurns() {
        condition.lock()
        defer { condition.unlock() }
        busy += 1
        while true {
            if let picture = waiting.next() {
                condition.unlock()
                picture.run()
                condition.lock()
                continue
            }
            busy -= 1
            while waiting.count == 0, busy > 0 { condition.wait() }
            guard waiting.count > 0 else { return condition.broadcast() }
            busy += 1
        }
    }
}
