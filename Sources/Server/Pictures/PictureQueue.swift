import Dispatch
import Imaging
import Metrics
import Segmentation
import Synchronization

/// Runs waiting pictures side by side, one thread each; a single picture gets all threads. Clients
/// take turns. Large pictures run beside the others, one at a time, so that they hold up none.
final class PictureQueue: Sendable {
    private struct Waiting {
        let work: PictureWork
        let since: ContinuousClock.Instant
        let answer: CheckedContinuation<PictureAnswer, any Error>

        func run() {
            Recorder(label: "vmunet_stage_seconds", dimensions: [("stage", "wait")]).record((ContinuousClock.now - since) / .seconds(1))
            answer.resume(with: Result { try work.run() })
        }
    }

    private struct State {
        var waiting = FairQueue<Waiting>()
        var isRunning = false
    }

    private let state = Mutex(State())
    private let network: any InferenceNetwork
    private let sharedPixels: Int
    private let small = DispatchQueue(label: "pictures", qos: .userInitiated)
    private let large = DispatchQueue(label: "large pictures", qos: .utility)

    /// `network` divides work over the threads that all networks share.
    init(_ network: any InferenceNetwork, sharedPixels: Int) { (self.network, self.sharedPixels) = (network, sharedPixels) }

    /// Segments a picture of `pixels` pixels when its client's turn comes.
    func run(_ work: PictureWork, pixels: Int, client: String) async throws -> PictureAnswer {
        try await withCheckedThrowingContinuation { continuation in
            let waiting = Waiting(work: work, since: .now, answer: continuation)
            guard pixels <= sharedPixels else { return large.async { waiting.run() } }
            let begins = state.withLock { state in
                state.waiting.add(waiting, of: client)
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if begins { small.async { self.drain() } }
        }
    }

    private func drain() {
        while true {
            let count = state.withLock { state in
                if state.waiting.count == 0 { state.isRunning = false }
                return state.waiting.count
            }
            guard count > 0 else { return }
            if count == 1 {
                next()?.run()
            } else {
                // Each thread takes the next until none is left, new arrivals included.
                network.sideBySide(count) { _ in while let waiting = self.next() { waiting.run() } }
            }
        }
    }

    private func next() -> Waiting? {
        state.withLock { $0.waiting.next() }
    }
}
