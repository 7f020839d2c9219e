import Files
import Synchronization

/// Keeps loaded samples in memory up to a limit.
///
/// The first ones stay: a set is visited in a new order each epoch, so evicting the oldest would
/// never give a hit. Samples are kept unchanged, so a cached one has the same bits as one read
/// again.
final class SampleCache: Sendable {
    private struct State {
        var samples: [Int: Sample] = [:]
        var bytes = 0
    }

    /// Memory that is left to others, in bytes.
    private static let reserve = 256 << 20

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var bytes: Int { state.withLock { $0.bytes } }
    var count: Int { state.withLock { $0.samples.count } }

    func sample(at index: Int, load: () throws -> Sample) rethrows -> Sample {
        if let kept = state.withLock({ $0.samples[index] }) { return kept }
        let sample = try load()
        // The cache must not take memory that other work needs.
        guard (try? Memory.ask(for: sample.byteCount + Self.reserve)) != nil else { return sample }
        state.withLock { state in
            guard state.samples[index] == nil, state.bytes + sample.byteCount <= limit else { return }
            state.samples[index] = sample
            state.bytes += sample.byteCount
        }
        return sample
    }
}
