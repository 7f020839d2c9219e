import Imaging

/// The batches of one epoch, prepared in advance on separate threads and delivered in order.
///
/// For a single consumer. Releasing it, or ``cancel()``, ends its threads.
package final class BatchStream {
    private let pipeline: BatchPipeline

    init(_ pipeline: BatchPipeline) {
        self.pipeline = pipeline
        pipeline.start()
    }

    deinit { pipeline.cancel(wait: false) }

    /// The next batch, waiting for it if necessary; nil after the last.
    ///
    /// Throws a sample's error at its batch, the first one if there are several, and the stream
    /// ends there.
    package func next() throws -> Batch? { try pipeline.next() }

    /// Ends the stream and waits until its threads have stopped, at most as long as a sample takes.
    package func cancel() { pipeline.cancel(wait: true) }

    /// Seconds that ``next()`` has spent waiting; near zero if data keeps up with training.
    package var secondsWaited: Double { pipeline.secondsWaited }

    var runningThreads: Int { pipeline.runningThreads }
}

/// Threads that fill a window of batches, sample by sample.
///
/// Samples are claimed in order, and never for a batch more than `depth` ahead of the consumer,
/// which bounds memory. The result does not depend on which thread makes which sample. `condition`
/// guards everything mutable.
final class BatchPipeline: @unchecked Sendable {
    private struct Slot {
        var samples: [Sample?]
        var failure: (position: Int, error: any Error)?
        var remaining: Int
    }

    private let batches: [[Int]]
    private let depth: Int
    private let workers: Int
    private let makeSample: @Sendable (Int) throws -> Sample

    private let condition = Condition()
    private var slots: [Int: Slot] = [:]
    private var ready: [Int: Result<Batch, any Error>] = [:]
    private var claim = (batch: 0, position: 0)
    private var end: Int
    private var consumed = 0
    private var cancelled = false
    private var running = 0
    private var waited = 0.0

    init(batches: [[Int]], depth: Int, workers: Int, makeSample: @escaping @Sendable (Int) throws -> Sample) {
        self.batches = batches.filter { !$0.isEmpty }
        self.depth = max(1, depth)
        self.workers = max(1, workers)
        self.makeSample = makeSample
        end = self.batches.count
    }

    func start() {
        guard end > 0 else { return }
        condition.lock()
        defer { condition.unlock() }
        for _ in 0..<workers where Condition.detach({ [self] in work() }) { running += 1 }
    }

    // MARK: The consumer

    func next() throws -> Batch? {
        condition.lock()
        defer { condition.unlock() }
        guard !cancelled, consumed < end else { return nil }
        guard running > 0 || ready[consumed] != nil else {
            throw DataError(
                .unreadable, path: "data loading", "the system gives this process no thread", remedy: "Allow it more (ulimit -u).")
        }
        if ready[consumed] == nil {
            let start = ContinuousClock.now
            while ready[consumed] == nil, !cancelled { condition.wait() }
            waited += (ContinuousClock.now - start) / .seconds(1)
        }
        guard let result = ready.removeValue(forKey: consumed) else { return nil }
        consumed += 1
        condition.broadcast()
        return try result.get()
    }

    func cancel(wait: Bool) {
        condition.lock()
        defer { condition.unlock() }
        cancelled = true
        ready = [:]
        slots = [:]
        condition.broadcast()
        while wait, running > 0 { condition.wait() }
    }

    var secondsWaited: Double {
        condition.lock()
        defer { condition.unlock() }
        return waited
    }

    var runningThreads: Int {
        condition.lock()
        defer { condition.unlock() }
        return running
    }

    // MARK: The threads

    private func work() {
        while let (batch, position) = nextClaim() {
            let result = Result {
                let sample = try makeSample(batches[batch][position])
                // The batch's other samples, and all of them side by side.
                if position == 0 { try Batch.requireMemory(for: batches[batch].count, like: sample, copies: 2) }
                return sample
            }
            guard let full = store(result, batch, position) else { continue }
            let assembled: Result<Batch, any Error> =
                if let failure = full.failure {
                    .failure(failure.error)
                } else {
                    Result { try Batch(full.samples.compactMap(\.self), indices: batches[batch]) }
                }
            publish(assembled, batch)
        }
        condition.lock()
        running -= 1
        condition.broadcast()
        condition.unlock()
    }

    /// The next sample to make; nil if none is left.
    private func nextClaim() -> (batch: Int, position: Int)? {
        condition.lock()
        defer { condition.unlock() }
        while !cancelled, claim.batch < end, claim.batch >= consumed + depth { condition.wait() }
        guard !cancelled, claim.batch < end else { return nil }
        let mine = claim
        let size = batches[mine.batch].count
        if mine.position == 0 { slots[mine.batch] = Slot(samples: Array(repeating: nil, count: size), remaining: size) }
        claim = mine.position + 1 < size ? (mine.batch, mine.position + 1) : (mine.batch + 1, 0)
        return mine
    }

    /// Stores a sample; returns the slot if that was its batch's last.
    private func store(_ result: Result<Sample, any Error>, _ batch: Int, _ position: Int) -> Slot? {
        condition.lock()
        defer { condition.unlock() }
        guard !cancelled, var slot = slots.removeValue(forKey: batch) else { return nil }
        switch result {
        case .success(let sample):
            slot.samples[position] = sample
        case .failure(let error):
            // Report the first in order, whichever failed first; nothing after this batch is
            // needed.
            if position < slot.failure?.position ?? .max { slot.failure = (position, error) }
            end = min(end, batch + 1)
            // Samples that nobody has claimed come after this one: they would only take memory.
            if claim.batch == batch {
                slot.remaining -= slot.samples.count - claim.position
                claim = (batch + 1, 0)
            }
        }
        slot.remaining -= 1
        if slot.remaining == 0 { return slot }
        slots[batch] = slot
        return nil
    }

    private func publish(_ result: Result<Batch, any Error>, _ batch: Int) {
        condition.lock()
        defer { condition.unlock() }
        guard !cancelled else { return }
        if case .failure = result { end = min(end, batch + 1) }
        ready[batch] = result
        condition.broadcast()
    }
}
