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
        result(of: [try part(.whole, segmenter, atOwnSize: atOwnSize, progress: progress)])
    }

    /// Scores a share of the set, as ``evaluate(_:atOwnSize:progress:)`` does the whole.
    /// ``result(of:)`` joins the parts of all shares.
    package func part(
        _ shard: Shard, _ segmenter: Segmenter, atOwnSize: Bool, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> EvaluationPart {
        if !atOwnSize, !options.measuresDoubt {
            return try part(shard, NetworkScorer(network: segmenter.network, loss: options.loss), progress: progress)
        }
        var part = EvaluationPart()
        try forEachMaps(shard, segmenter, atOwnSize: atOwnSize) { picture, count in
            var tally = EvaluationTally(classes: dataset.classes, options)
            let loss = try tally.add(picture.name, picture.maps, picture.size, picture.target, network: segmenter.network.classes)
            part.batches.append(.init(step: picture.place, loss: loss, images: tally.images))
            try progress(part.batches.count, count)
        }
        return part
    }

    /// A picture's maps, maps × size, and its truth.
    struct PictureMaps {
        /// Its place in the set.
        let place: Int
        let name: String
        let maps: [Float]
        let size: PlaneSize
        let target: Sample.Target
    }

    /// Calls `body` with the maps of each picture of a share, and the share's number of pictures.
    func forEachMaps(
        _ shard: Shard, _ segmenter: Segmenter, atOwnSize: Bool, _ body: (_ picture: PictureMaps, _ of: Int) throws -> Void
    ) throws {
        guard atOwnSize else {
            return try forEachBatch(shard) { step, batch, count in
                let size = PlaneSize(height: batch.height, width: batch.width)
                let found = try segmenter.network.maps(batch.images, batch: batch.count, height: batch.height, width: batch.width)
                for index in 0..<batch.count {
                    guard found.isFinite(index) else {
                        throw NonFiniteScore(
                            pictures: batch.names, loss: .nan,
                            layer: segmenter.network.firstNonFiniteLayer(
                                batch.images, batch: batch.count, height: batch.height, width: batch.width))
                    }
                    let picture = PictureMaps(
                        place: step * options.batchSize + index, name: batch.names[index], maps: found.picture(index), size: size,
                        target: batch.target.picture(index, area: size.count))
                    try body(picture, count)
                }
            }
        }
        let places = (0..<dataset.count).filter(shard.contains)
        for index in places {
            let sample = try ownSample(at: index)
            let maps = try segmenter.ownMaps(of: sample.image, sample.size)
            try body(PictureMaps(place: index, name: sample.name, maps: maps, size: sample.size, target: sample.target), places.count)
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

    /// The answer for a sample of a set, and the entropy of each of its pixels as a share of the
    /// greatest possible: 0…255.
    package func uncertainAnswer(for sample: Sample) throws -> (answer: Answer, uncertainty: [UInt8]) {
        let maps =
            try isTiled
            ? ownMaps(of: sample.image, sample.size)
            : network.maps(sample.image, batch: 1, height: sample.height, width: sample.width).values
        let answer = Logits(probabilities: maps, classes: network.classes, size: sample.size).answer(0)
        var sum = DoubtSum(classes: network.classes, maps: maps.count / sample.size.count)
        return (answer, sum.add(maps, labels: answer.labels(threshold: threshold)))
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
