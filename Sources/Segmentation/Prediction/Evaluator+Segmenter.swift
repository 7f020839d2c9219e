import Imaging

extension Evaluator {
    /// Scores a network at its own input size or at each picture's. In the latter case
    /// probabilities are resized to the picture, or assembled from tiles, before the threshold
    /// applies.
    ///
    /// - Throws: as ``evaluate(_:progress:)-(InferenceNetwork,_)``, and ``DataError`` if pictures
    ///   of their own size are asked for, and the set's samples have none.
    package func evaluate(
        _ segmenter: Segmenter, atOwnSize: Bool, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> EvaluationResult {
        if !atOwnSize, !options.measuresDoubt { return try evaluate(segmenter.network, progress: progress) }
        var tally = EvaluationTally(classes: dataset.classes, options)
        try forEachMaps(segmenter, atOwnSize: atOwnSize) { name, maps, size, target in
            try tally.add(name, maps, size, target, network: segmenter.network.classes)
            try progress(tally.images.count, dataset.count)
        }
        return tally.result()
    }

    /// Calls `body` with each picture's maps, maps × size, and its truth.
    func forEachMaps(
        _ segmenter: Segmenter, atOwnSize: Bool,
        _ body: (_ name: String, _ maps: [Float], _ size: PlaneSize, _ target: Sample.Target) throws -> Void
    ) throws {
        guard atOwnSize else {
            let batches = loader.batches(epoch: 0)
            while let batch = try batches.next() {
                let size = PlaneSize(height: batch.height, width: batch.width)
                let found = try segmenter.network.maps(batch.images, batch: batch.count, height: batch.height, width: batch.width)
                for index in 0..<batch.count {
                    guard found.isFinite(index) else {
                        throw NonFiniteScore(
                            pictures: batch.names, loss: .nan,
                            layer: segmenter.network.firstNonFiniteLayer(
                                batch.images, batch: batch.count, height: batch.height, width: batch.width))
                    }
                    try body(batch.names[index], found.picture(index), size, batch.target.picture(index, area: size.count))
                }
            }
            return
        }
        for index in 0..<dataset.count {
            let sample = try ownSample(at: index)
            try body(sample.name, segmenter.ownMaps(of: sample.image, sample.size), sample.size, sample.target)
        }
    }
}

extension Evaluator {
    /// A picture at its own size. Throws ``DataError`` if the set's samples have none.
    func ownSample(at index: Int) throws -> Sample {
        if let sample = try dataset.ownSample(at: index) { return sample }
        throw DataError(
            .shape, path: dataset.name(at: index), "is an array that was resized already, not a picture of its own size",
            remedy: "Leave out what scores at a picture's own size: --own-size, --tile.")
    }
}

extension Sample.Target {
    /// The truth of one picture of a batch.
    fileprivate func picture(_ index: Int, area: Int) -> Sample.Target {
        switch self {
        case .binary(let planes): .binary(Array(planes[index * area..<(index + 1) * area]))
        case .labels(let planes): .labels(Array(planes[index * area..<(index + 1) * area]))
        }
    }
}

extension Segmenter {
    /// The answer for a sample of a set, which is whole if the network sees tiles.
    package func answer(for sample: Sample) throws -> Answer {
        guard isTiled else {
            return try network.answer(sample.image, batch: 1, height: sample.height, width: sample.width).answer(0)
        }
        let maps = try ownMaps(of: sample.image, sample.size)
        return Logits(probabilities: maps, classes: network.classes, size: sample.size).answer(0)
    }

    /// The maps of a picture's planes, 3 × size, at its own size: maps × size.
    func ownMaps(of planes: [Float], _ size: PlaneSize) throws -> [Float] {
        let count = mapCount, window = window(size)
        try DataError.requireMemory(
            4 * (2 * count + 3) * size.count + TileSum.bytes(window, maps: count),
            for: "the probabilities of a picture of \(size.width)×\(size.height) pixels", remedy: "Make the picture smaller.")
        guard !isTiled else {
            return try window.maps(of: [planes], maps: count, batchSize: Self.tilesAtOnce) { try answer($0, batch: $1).values }[0]
        }
        let (own, seen) = ((height: size.height, width: size.width), (height: imageSize, width: imageSize))
        let found = try answer(Resize.bilinear(planes, channels: 3, from: own, to: seen), batch: 1).values
        return Resize.bilinear(found, channels: count, from: seen, to: own)
    }
}
