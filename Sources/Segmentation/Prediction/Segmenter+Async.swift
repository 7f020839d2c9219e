import Imaging

extension Segmenter {
    /// Segments one picture without blocking a thread of Swift's concurrency.
    ///
    /// - Throws: `CancellationError` if the task is cancelled (checked before reading, before the
    ///   network and before the mask); otherwise the errors of `segment(_:)`.
    public func segment(_ input: PictureInput) async throws -> Result {
        try await Offload.run { isCancelled in
            let picture = try input.read()
            try isCancelled.check()
            let planes = planes(of: picture)
            try isCancelled.check()
            let logits = try answer(planes, batch: 1)
            try isCancelled.check()
            return result(logits, 0, like: picture)
        }
    }

    /// The results of many pictures in order, made on demand.
    ///
    /// Pictures are read side by side and go through the network together, `batchSize` at a time
    /// (at least 1); no more of them than that are in memory. One that cannot be segmented does not
    /// end the others.
    ///
    /// ```swift
    /// for try await (index, result) in segmenter.results(of: inputs) {
    ///     switch result {
    ///     case .success(let found): print(inputs[index], found.share(of: 1))
    ///     case .failure(let error): print(inputs[index], error)
    ///     }
    /// }
    /// ```
    public func results(of inputs: [PictureInput], batchSize: Int = 8) -> PictureResults {
        PictureResults(segmenter: self, inputs: inputs, batchSize: max(1, batchSize))
    }

    /// Pictures together through the network, each with what became of it.
    func segment(_ inputs: ArraySlice<PictureInput>, _ isCancelled: CancellationFlag) throws -> [Swift.Result<Result, any Error>] {
        let inputs = Array(inputs)
        let read = Parallel.map(inputs.count) { i in
            Swift.Result<(Picture, [Float]), any Error> {
                let picture = try inputs[i].read()
                return (picture, planes(of: picture))
            }
        }
        try isCancelled.check()
        let good = read.compactMap { try? $0.get() }
        guard !good.isEmpty else { return read.map { $0.flatMap { _ in .failure(CancellationError()) } } }
        let logits = try network.answer(good.flatMap(\.1), batch: good.count, height: imageSize, width: imageSize)
        try isCancelled.check()
        let found = Parallel.map(good.count) { i in
            Swift.Result<Result, any Error> {
                guard logits.isFinite(i) else { throw overflow }
                return result(logits, i, like: good[i].0)
            }
        }
        var rest = found.makeIterator()
        return read.map { $0.flatMap { _ in rest.next() ?? .failure(CancellationError()) } }
    }
}

/// Results of many pictures: ``Segmenter/results(of:batchSize:)``.
public struct PictureResults: AsyncSequence, Sendable {
    /// The input's position and its result.
    public typealias Element = (index: Int, result: Result<Segmenter.Result, any Error>)

    let segmenter: Segmenter
    let inputs: [PictureInput]
    let batchSize: Int

    /// Segments batch by batch, on demand.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let results: PictureResults
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
                let segmenter = results.segmenter, batch = results.inputs[first..<end]
                let made = try await Offload.run { try segmenter.segment(batch, $0) }
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
