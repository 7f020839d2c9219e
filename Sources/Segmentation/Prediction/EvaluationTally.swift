/// Accumulates counts and losses batch by batch.
struct EvaluationTally {
    /// The pictures' counts, in the order of their addition.
    var images: [EvaluationPart.Picture] = []
    private var lossSum = 0.0
    private let classes: Int
    private let options: Evaluator.Options

    init(classes: Int, _ options: Evaluator.Options) { (self.classes, self.options) = (classes, options) }

    /// Adds a picture's maps; the loss is its own, which is returned.
    @discardableResult
    mutating func add(_ name: String, _ maps: [Float], _ size: PlaneSize, _ target: Sample.Target, network classes: Int) throws -> Double {
        let logits = Logits(probabilities: maps, classes: classes, size: size)
        let loss = options.loss.value(logits, target)
        try add([name], logits, target, loss: loss)
        guard options.measuresDoubt else { return loss }
        var sum = DoubtSum(classes: classes, maps: maps.count / size.count)
        _ = sum.add(maps, labels: logits.answer(0).labels(threshold: options.threshold))
        images[images.count - 1].doubt = sum.doubt
        return loss
    }

    /// Adds a batch's logits and its loss.
    mutating func add(_ batch: Batch, _ score: (logits: Logits, loss: Double)) throws {
        try add(batch.names, score.logits, batch.target, loss: score.loss)
    }

    private mutating func add(_ names: [String], _ logits: Logits, _ target: Sample.Target, loss: Double) throws {
        lossSum += loss * Double(logits.batch)
        for i in 0..<logits.batch {
            let range = i * logits.area..<(i + 1) * logits.area
            var labels = logits.answer(i).labels(threshold: options.threshold)
            try options.cleanUp.apply(
                to: &labels, shape: VolumeShape(depth: 1, height: logits.height, width: logits.width), classes: classes)
            var picture = EvaluationPart.Picture(name: names[i], counts: [])
            switch target {
            case .binary(let t):
                picture.counts = [ConfusionCounts(probabilities: labels.map { Float($0) }, truth: t[range])]
            case .labels(let t):
                picture.counts = (0..<classes).map {
                    ConfusionCounts(labels: labels, truth: t[range], of: UInt8($0), ignoring: options.ignoredLabel)
                }
            }
            if options.measuresCalibration {
                var sum = CalibrationSum()
                sum.add(logits, i, target, ignoring: options.ignoredLabel)
                picture.calibration = sum
            }
            images.append(picture)
        }
    }

    /// Adds a batch that was counted elsewhere.
    mutating func add(_ batch: EvaluationPart.BatchCounts) {
        lossSum += batch.loss * Double(batch.images.count)
        images += batch.images
    }

    func result() -> EvaluationResult {
        let classNames = options.classNames
        let scored = classes == 1 ? 0..<1 : 1..<classes
        let total = (0..<max(classes, 1)).map { c in images.reduce(ConfusionCounts()) { $0 + $1.counts[c] } }
        func scores(_ counts: [ConfusionCounts]) -> BinaryScores { BinaryScores(meanOf: scored.map { BinaryScores(counts[$0]) }) }
        let each = images.map {
            EvaluationResult.Image(name: $0.name, scores: scores($0.counts), counts: Array($0.counts[scored]), doubt: $0.doubt)
        }
        var empty = EvaluationResult.EmptyPictures()
        var counted: [BinaryScores] = []
        for (image, picture) in zip(images, each) {
            let foreground = scored.map { image.counts[$0] }
            let isEmpty = foreground.allSatisfy { $0.truePositives + $0.falseNegatives == 0 }
            let isFoundEmpty = foreground.allSatisfy { $0.truePositives + $0.falsePositives == 0 }
            if isEmpty {
                empty.count += 1
                if isFoundEmpty { empty.foundEmpty += 1 } else { empty.withFindings += 1 }
            }
            if !(isEmpty && isFoundEmpty) { counted.append(picture.scores) }
        }
        var result = EvaluationResult(
            pooled: scores(total), perImageMean: BinaryScores(meanOf: counted),
            loss: images.isEmpty ? 0 : lossSum / Double(images.count), images: each, emptyPictures: empty,
            classes: classes == 1
                ? nil
                : (0..<classes).map { c in
                    .init(
                        label: c, name: classNames.flatMap { c < $0.count ? $0[c] : nil }, counts: total[c], scores: BinaryScores(total[c]))
                })
        if options.measuresCalibration {
            result.calibration = images.reduce(into: CalibrationSum()) { $0.add($1.calibration ?? CalibrationSum()) }.calibration
        }
        if options.measuresDoubt {
            result.rankings = Ranking.rankings(each.compactMap { image in image.doubt.map { (miou: image.scores.miou, doubt: $0) } })
        }
        return result
    }
}
