/// The counts of some of a set's batches. Processes that share a set exchange them to join their
/// results.
package struct EvaluationPart: Sendable, Codable, Equatable {
    /// A batch's counts and its loss.
    package struct BatchCounts: Sendable, Codable, Equatable {
        /// Its place in the set.
        package var step: Int
        /// The mean loss of its pictures.
        package var loss: Double
        /// For each picture, the counts of each class: the foreground, or every label.
        package var images: [Picture]
    }

    /// A picture's counts.
    package struct Picture: Sendable, Codable, Equatable {
        /// The picture's name in the set.
        package var name: String
        /// Counts of the foreground, or of every label.
        package var counts: [ConfusionCounts]
        /// The network's uncertainty; nil unless requested.
        package var doubt: Doubt?
        /// The calibration of its pixels; nil unless requested.
        package var calibration: CalibrationSum?
    }

    /// The batches, in the set's order.
    package var batches: [BatchCounts] = []

    /// No batch.
    package init() {}
}

extension Evaluator {
    /// Scores a share of the set's batches. ``result(of:)`` joins the parts of all shares to
    /// exactly the result of one process. An error thrown by `progress` ends it.
    ///
    /// Throws ``NonFiniteScore`` for a loss that is not finite, and what the data set and the
    /// scorer throw.
    package func part(
        _ shard: Shard, _ scorer: some BatchScorer, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> EvaluationPart {
        var (part, done) = (EvaluationPart(), 0)
        try forEachBatch(shard) { step, batch, count in
            let score = try scorer.finiteScore(batch)
            var tally = EvaluationTally(classes: dataset.classes, options)
            try tally.add(batch, score)
            part.batches.append(.init(step: step, loss: score.loss, images: tally.images))
            done += batch.count
            try progress(done, count)
        }
        return part
    }

    /// Scores a share of the set's pictures, each whole, from tiles of this height and width that
    /// overlap by half. A picture counts as a batch, so its loss is its own.
    package func part(
        _ shard: Shard, _ network: some InferenceNetwork, tile: Int, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> EvaluationPart {
        let (size, places) = (PlaneSize(height: tile, width: tile), (0..<dataset.count).filter(shard.contains))
        var part = EvaluationPart()
        for (done, index) in places.enumerated() {
            let sample = try loader.cache.sample(at: index) { try ownSample(at: index) }
            let window = SlidingWindow(sample.size, size: size)
            let maps = try window.maps(of: [sample.image], maps: network.classes, batchSize: options.batchSize) { tiles, count in
                let found = try network.maps(tiles, batch: count, height: tile, width: tile)
                guard found.isFinite else {
                    throw NonFiniteScore(
                        pictures: [sample.name], loss: .nan,
                        layer: network.firstNonFiniteLayer(tiles, batch: count, height: tile, width: tile))
                }
                return found.values
            }
            var tally = EvaluationTally(classes: dataset.classes, options)
            let loss = try tally.add(sample.name, maps[0], sample.size, sample.target, network: network.classes)
            guard loss.isFinite else { throw NonFiniteScore(pictures: [sample.name], loss: loss, layer: nil) }
            part.batches.append(.init(step: index, loss: loss, images: tally.images))
            try progress(done + 1, places.count)
        }
        return part
    }

    /// The set's result, from parts that together cover it.
    package func result(of parts: [EvaluationPart]) -> EvaluationResult {
        var tally = EvaluationTally(classes: dataset.classes, options)
        for batch in parts.flatMap(\.batches).sorted(by: { $0.step < $1.step }) { tally.add(batch) }
        return tally.result()
    }

    /// Calls `body` with each batch of a share, its place in the set, and the share's number of
    /// pictures.
    func forEachBatch(_ shard: Shard, _ body: (_ step: Int, _ batch: Batch, _ of: Int) throws -> Void) throws {
        let steps = (0..<loader.stepsPerEpoch).filter(shard.contains)
        let count = steps.reduce(0) { $0 + loader.order.size(ofStep: $1) }
        let batches = loader.batches(epoch: 0) { shard.contains($0) ? $1 : [] }
        for step in steps {
            guard let batch = try batches.next() else { return }
            try body(step, batch, count)
        }
    }
}
