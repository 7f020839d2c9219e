import Foundation
import Imaging
import Synchronization
import TestSupport
import Testing

@testable import Segmentation

/// Samples whose pixels encode their index. Counts loads; may be slow, may fail.
private final class NumberedDataset: SegmentationDataset {
    struct Failure: Error, Equatable { var index: Int }

    let count: Int
    let classes = 1
    let failing: Set<Int>
    let delay: @Sendable (Int) -> Double
    let loads = Atomic<Int>(0)

    init(count: Int, failing: Set<Int> = [], delay: @escaping @Sendable (Int) -> Double = { _ in 0 }) {
        (self.count, self.failing, self.delay) = (count, failing, delay)
    }

    func name(at index: Int) -> String { "sample \(index)" }

    func load(at index: Int) throws -> Sample {
        loads.add(1, ordering: .relaxed)
        let seconds = delay(index)
        if seconds > 0 { Thread.sleep(forTimeInterval: seconds) }
        if failing.contains(index) { throw Failure(index: index) }
        let image = (0..<12).map { Float(index * 100 + $0) }
        return Sample(image: image, channels: 3, height: 2, width: 2, target: .binary([0, 1, 0, Float(index)]), name: name(at: index))
    }

    func prepare(_ sample: Sample, random: CounterRandom?) -> Sample {
        guard let random else { return sample }
        return Augmentation().draw(random).applied(to: sample)
    }
}

extension BatchStream {
    fileprivate func all() throws -> [Batch] {
        var batches: [Batch] = []
        while let batch = try next() { batches.append(batch) }
        return batches
    }
}

@Suite struct DataLoaderTests {
    private func options(workers: Int = 2, cacheBytes: Int = 0) -> DataLoader.Options {
        var options = DataLoader.Options.training(batchSize: 4, seed: 9)
        (options.workers, options.cacheBytes) = (workers, cacheBytes)
        return options
    }

    @Test func batchesHoldTheirSamplesInOrder() throws {
        let data = NumberedDataset(count: 10)
        let batches = try DataLoader(data, DataLoader.Options(batchSize: 4)).batches(epoch: 0).all()
        #expect(batches.map(\.indices) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
        for batch in batches {
            #expect((batch.channels, batch.height, batch.width, batch.count) == (3, 2, 2, batch.indices.count))
            let samples = try batch.indices.map { try data.load(at: $0) }
            #expect(batch.images == samples.flatMap(\.image))
            #expect(batch.names == samples.map(\.name))
            #expect(batch.target == .binary(batch.indices.flatMap { [0, 1, 0, Float($0)] }))
        }
    }

    /// Threads, their timing and the cache must not show in the bits.
    @Test func batchesAreAFunctionOfSeedEpochAndStep() throws {
        let reference = try DataLoader(NumberedDataset(count: 30), options(workers: 1)).batches(epoch: 3).all()
        let jittery = NumberedDataset(count: 30) { Double(($0 * 7) % 5) * 0.001 }
        for (workers, cacheBytes) in [(1, 1 << 20), (4, 0), (7, 1 << 20), (3, 500)] {
            let loader = DataLoader(jittery, options(workers: workers, cacheBytes: cacheBytes))
            for _ in 0..<2 {
                let batches = try loader.batches(epoch: 3).all()
                #expect(batches.map(\.indices) == reference.map(\.indices))
                #expect(batches.map(\.images) == reference.map(\.images))
                #expect(batches.map(\.target) == reference.map(\.target))
            }
            #expect(loader.cache.bytes <= cacheBytes)
        }
        let other = try DataLoader(NumberedDataset(count: 30), options()).batches(epoch: 4).all()
        #expect(other.map(\.images) != reference.map(\.images))
        #expect(Set(other.flatMap(\.indices)) == Set(0..<30))
    }

    @Test func anEpochIsResumedInItsMiddle() throws {
        let loader = DataLoader(NumberedDataset(count: 30), options())
        let whole = try loader.batches(epoch: 1).all()
        #expect(loader.stepsPerEpoch == whole.count)
        let rest = try loader.batches(epoch: 1, from: 5).all()
        #expect(rest.map(\.indices) == Array(whole.map(\.indices)[5...]))
        #expect(rest.map(\.images) == Array(whole.map(\.images)[5...]))
        #expect(try loader.batches(epoch: 1, from: whole.count).next() == nil)
    }

    @Test func cachedSamplesAreLoadedOnce() throws {
        let data = NumberedDataset(count: 12)
        let loader = DataLoader(data, options(cacheBytes: 1 << 20))
        for epoch in 0..<4 { _ = try loader.batches(epoch: epoch).all() }
        #expect(data.loads.load(ordering: .relaxed) == 12)

        // Room for five samples of 12 + 4 floats; the other seven are read in each epoch.
        let tight = NumberedDataset(count: 12)
        let bounded = DataLoader(tight, options(cacheBytes: 5 * 64 + 63))
        for epoch in 0..<4 { _ = try bounded.batches(epoch: epoch).all() }
        #expect(bounded.cache.count == 5)
        #expect(tight.loads.load(ordering: .relaxed) == 12 + 3 * 7)
    }

    @Test(arguments: 1...4)
    func errorsComeAtTheirBatch(workers: Int) throws {
        // Two samples of a batch fail; the later one fails sooner.
        let data = NumberedDataset(count: 20, failing: [9, 10, 14]) { $0 == 9 ? 0.02 : 0 }
        var options = options(workers: workers)
        options.shuffle = false
        let stream = DataLoader(data, options).batches(epoch: 0)
        #expect(try stream.next()?.indices == [0, 1, 2, 3])
        #expect(try stream.next()?.indices == [4, 5, 6, 7])
        #expect(throws: NumberedDataset.Failure(index: 9)) { try stream.next() }
        #expect(try stream.next() == nil)
        stream.cancel()
        #expect(stream.runningThreads == 0)
    }

    /// The rest of a large batch would take the memory that its first sample found missing.
    @Test func samplesAfterAFailureAreNotMade() throws {
        let data = NumberedDataset(count: 1000, failing: [2])
        var options = options(workers: 1)
        (options.batchSize, options.shuffle) = (1000, false)
        let stream = DataLoader(data, options).batches(epoch: 0)
        #expect(throws: NumberedDataset.Failure(index: 2)) { try stream.next() }
        stream.cancel()
        #expect(data.loads.load(ordering: .relaxed) == 3)
    }

    @Test func aSlowConsumerBoundsWhatIsMade() throws {
        let data = NumberedDataset(count: 400)
        var options = options(workers: 3)
        options.queueDepth = 2
        let stream = DataLoader(data, options).batches(epoch: 0)
        _ = try stream.next()
        // The threads fill their window of two batches beyond the one taken, and stop there.
        let deadline = Date(timeIntervalSinceNow: 10)
        while data.loads.load(ordering: .relaxed) < 12, Date() < deadline { Thread.sleep(forTimeInterval: 0.002) }
        Thread.sleep(forTimeInterval: 0.05)
        #expect(data.loads.load(ordering: .relaxed) == 12)
        #expect(stream.runningThreads == 3)
        stream.cancel()
        #expect(stream.runningThreads == 0)
        #expect(try stream.next() == nil)
    }

    @Test func threadsEndWhenTheStreamIsLetGo() throws {
        weak var pipeline: BatchPipeline?
        do {
            let made = BatchPipeline(batches: (0..<100).map { [$0] }, depth: 2, workers: 4) { index in
                Sample(image: [0], channels: 1, height: 1, width: 1, target: .labels([0]), name: "\(index)")
            }
            pipeline = made
            let stream = BatchStream(made)
            #expect(try stream.next()?.target == .labels([0]))
        }
        // Threads keep the pipeline alive as long as they run.
        let deadline = Date(timeIntervalSinceNow: 5)
        while pipeline != nil, Date() < deadline { Thread.sleep(forTimeInterval: 0.002) }
        #expect(pipeline == nil)
    }

    @Test func threadsEndAtTheEndOfAnEpoch() throws {
        let stream = DataLoader(NumberedDataset(count: 10), options()).batches(epoch: 0)
        #expect(try stream.all().count == 3)
        stream.cancel()
        #expect(stream.runningThreads == 0)
        #expect(stream.secondsWaited >= 0)
    }

    @Test func anEmptySetHasNoBatches() throws {
        let loader = DataLoader(NumberedDataset(count: 0), options())
        #expect(loader.stepsPerEpoch == 0)
        #expect(try loader.batches(epoch: 0).next() == nil)
    }

    @Test func samplesOfDifferentShapeAreRefused() throws {
        func sample(_ side: Int, _ target: Sample.Target) -> Sample {
            Sample(
                image: [Float](repeating: 0, count: side * side), channels: 1, height: side, width: side, target: target,
                name: "side \(side)")
        }
        let one = sample(1, .binary([0]))
        #expect(throws: DataError.self) { try Batch([one, sample(2, .binary([0, 0, 0, 0]))], indices: [0, 1]) }
        #expect(throws: DataError.self) { try Batch([one, sample(1, .labels([0]))], indices: [0, 1]) }
        #expect(throws: DataError.self) { try Batch([one, sample(1, .binary([0, 1]))], indices: [0, 1]) }
        #expect(try Batch([one, one], indices: [3, 4]).images == [0, 0])
    }
}
