import Imaging
import Synchronization

extension Segmenter {
    /// Segments one picture without blocking a thread of Swift's concurrency.
    ///
    /// - Throws: `CancellationError` if the task is cancelled (checked before reading, before the
    ///   network and before the mask); otherwise the errors of `segment(_:)`.
    public func segment(_ input: PictureInput) async throws -> Result {
        try await Offload.run { isCancelled in
            let picture = try input.read()
            try isCancelled.check()
            return try segment(picture, check: isCancelled.check)
        }
    }

    /// The results of many pictures in order, made on demand.
    ///
    /// Pictures are read side by side and go through the network together, `batchSize` at a time
    /// (at least 1); no more of them than that are in memory. One that cannot be segmented does not
    /// end the others. `progress` is told of each picture as it is done, from any thread.
    ///
    /// ```swift
    /// for try await (index, result) in segmenter.results(of: inputs) {
    ///     switch result {
    ///     case .success(let found): print(inputs[index], found.share(of: 1))
    ///     case .failure(let error): print(inputs[index], error)
    ///     }
    /// }
    /// ```
    public func results(
        of inputs: [PictureInput], batchSize: Int = 8, progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) -> PictureResults {
        PictureResults(segmenter: self, inputs: inputs, batchSize: max(1, batchSize), progress: progress)
    }

    /// Segments pictures together: a result or an error for each. `finished` is called for each
    /// picture that is done.
    func segment(
        _ inputs: ArraySlice<PictureInput>, _ isCancelled: CancellationFlag, finished: @Sendable () -> Void
    ) throws -> [Swift.Result<Result, any Error>] {
        let inputs = Array(inputs)
        // A picture in tiles fills batches of its own.
        guard !isTiled else {
            return try inputs.map { input in
                try isCancelled.check()
                defer { finished() }
                let result = Swift.Result { try segment(input.read(), check: isCancelled.check) }
                if case .failure(let error) = result, error is CancellationError { throw error }
                return result
            }
        }
        let read = Parallel.map(inputs.count) { i in
            let read = Swift.Result<(Picture, [Float]), any Error> {
                let picture = try inputs[i].read()
                return (picture, planes(of: picture))
            }
            if case .failure = read { finished() }
            return read
        }
        try isCancelled.check()
        let good = read.compactMap { try? $0.get() }
        guard !good.isEmpty else { return read.map { $0.flatMap { _ in .failure(CancellationError()) } } }
        let maps = try network.maps(good.flatMap(\.1), batch: good.count, height: imageSize, width: imageSize)
        try isCancelled.check()
        let found = Parallel.map(good.count) { i in
            defer { finished() }
            return Swift.Result<Result, any Error> {
                guard maps.isFinite(i) else { throw overflow }
                return try result(maps, i, like: good[i].0)
            }
        }
        var rest = found.makeIterator()
        return read.map { $0.flatMap { _ in rest.next() ?? .failure(CancellationError()) } }
    }
}

/// Results of many pictures: ``Segmenter/results(of:batchSize:progress:)``.
public struct PictureResults: AsyncSequence, Sendable {
    /// The input's position and its result.
    public typealias Element = (index: Int, result: Result<Segmenter.Result, any Error>)

    let segmenter: Segmenter
    let inputs: [PictureInput]
    let batchSize: Int
    let progress: @Sendable (_ done: Int, _ of: Int) -> Void

    /// Segments batch by batch, on demand.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let results: PictureResults
        private let done = Count()
        var start = 0
        var ready: ArraySlice<Result<Segmenter.Result, any Error>> = []

        /// The next picture's result; nil after the last.
        ///
        /// - Throws: `CancellationError` when the task is cancelled, and the network's errors,
        ///   which are no picture's.
        public mutating func next() async throws -> Element? {
            if ready.isEmpty {
                let (first, end) = (start, Swift.min(start + results.batchSize, results.inputs.count))
                guard first < end else { return nil }
                let (segmenter, batch, done) = (results.segmenter, results.inputs[first..<end], done)
                let (count, progress) = (results.inputs.count, results.progress)
                let made = try await Offload.run { flag in
                    try segmenter.segment(batch, flag) { progress(done.next(), count) }
                }
                ready = made[...]
                start = end
            }
            let index = start - ready.count
            return ready.popFirst().map { (index, $0) }
        }
    }

    /// From the first picture on.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(results: self) }
}

/// Counts from any thread.
private final class Count: Sendable {
    private let value = Atomic(0)

    /// The next number, from 1 on.
    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
