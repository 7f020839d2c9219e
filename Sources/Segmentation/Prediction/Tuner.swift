#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The settings after the network that a validation set supports.
package struct Tuning: Sendable, Codable, Equatable {
    /// The trial of one setting. It is chosen on one half of the cases and scored on the other,
    /// both ways.
    package struct Step: Sendable, Codable, Equatable {
        /// The setting: "threshold", "temperature", "clean-up of lesion".
        package var name: String
        /// The setting's value before, and the best value on all cases.
        package var from: String, to: String
        /// The score: "pooled IoU", or "negative log-likelihood", where less is better.
        package var measure: String
        /// The score before, and the score with the halves' choices.
        package var before: Double, after: Double
        /// The 95 % interval of the difference, by bootstrap.
        package var low: Double, high: Double
        /// True if the gain exceeds chance.
        package var isKept: Bool

        private enum CodingKeys: String, CodingKey {
            case name, from, to, measure, before, after, low, high, isKept = "kept"
        }
    }

    /// Pictures or volumes.
    package var cases: Int
    /// The settings that were tried.
    package var steps: [Step]
    /// The threshold to record; nil keeps the weights' own.
    package var threshold: Double?
    /// The temperature to record; nil keeps the weights' own.
    package var temperature: Double?
    /// The clean-up to record; nil keeps the weights' own.
    package var cleanUp: String?

    private enum CodingKeys: String, CodingKey {
        case cases, steps, threshold, temperature, cleanUp = "clean_up"
    }
}

/// Chooses temperature, threshold and clean-up on validation data.
package struct Tuner: Sendable {
    /// The prediction and the truth of a picture or a volume.
    struct Case: Sendable {
        /// The foreground's probability of pictures with one class; otherwise empty.
        var probabilities: [Float] = []
        /// The predicted labels; empty where there are probabilities.
        var labels: [UInt8] = []
        var truth: [UInt8]
        let shape: VolumeShape
        var voxelVolume: Double?
        /// The logits of some pixels; nil for volumes.
        var fit: TemperatureFit?
    }

    private var cases: [Case] = []
    private let classes: Int
    private let threshold: Float
    private let temperature: Double
    private let names: @Sendable (Int) -> String
    private let ignored: Int?

    /// The fewest cases that settings are chosen on. With fewer, half of the cases are a handful, and a
    /// bootstrap's interval is too narrow.
    package static let fewest = 10

    /// Cases so far.
    package var count: Int { cases.count }

    /// The candidate thresholds.
    private static let thresholds = (2...18).map { Float($0) / 20 }

    /// A tuner without cases.
    package init(_ segmenter: Segmenter) {
        (classes, threshold, temperature) = (segmenter.network.classes, segmenter.threshold, segmenter.metadata.temperature ?? 1)
        names = { segmenter.name(of: $0) }
        ignored = classes == 1 ? 255 : segmenter.ignoredLabel.map(Int.init)
    }

    /// Adds the predictions for a set of pictures.
    package mutating func add(
        _ set: any SegmentationDataset, _ segmenter: Segmenter, _ options: Evaluator.Options,
        progress: (_ done: Int, _ of: Int) throws -> Void
    ) throws {
        let evaluator = Evaluator(set, options)
        if segmenter.isTiled {
            try evaluator.forEachMaps(.whole, segmenter, atOwnSize: true) { picture, _ in
                try add(Logits(probabilities: picture.maps, classes: classes, size: picture.size), 0, picture.target)
                try progress(cases.count, set.count)
            }
            return
        }
        let batches = evaluator.loader.batches(epoch: 0)
        while let batch = try batches.next() {
            let logits = try segmenter.network.answer(batch.images, batch: batch.count, height: batch.height, width: batch.width)
            for index in 0..<batch.count {
                guard logits.isFinite(index) else { throw NonFiniteScore(pictures: [batch.names[index]], loss: .nan, layer: nil) }
                try add(logits, index, batch.target)
            }
            try progress(cases.count, set.count)
        }
    }

    private mutating func add(_ logits: Logits, _ index: Int, _ target: Sample.Target) throws {
        let range = index * logits.area..<(index + 1) * logits.area
        try DataError.requireMemory(8 * logits.area, for: "one more picture to tune on", remedy: "Tune on fewer pictures.")
        var found = Case(truth: [], shape: VolumeShape(depth: 1, height: logits.height, width: logits.width))
        switch (logits.answer(index), target) {
        case (.foreground(let p), .binary(let truth)):
            (found.probabilities, found.truth) = (p, truth[range].map { $0 < 0 ? 255 : $0 >= 0.5 ? 1 : 0 })
        case (.labels(let labels), .labels(let truth)): (found.labels, found.truth) = (labels, Array(truth[range]))
        default: preconditionFailure("a network of one class for labels, or the reverse: the two were checked against each other before")
        }
        var fit = TemperatureFit(classes: classes)
        fit.add(logits, index, target, ignoring: ignored)
        found.fit = fit
        cases.append(found)
    }

    /// Adds a volume: the network's labels, before any clean-up, and the truth.
    package mutating func add(_ labels: LabelVolume, truth: LabelVolume, voxelVolume: Double?) {
        cases.append(Case(labels: labels.labels, truth: truth.labels, shape: labels.shape, voxelVolume: voxelVolume))
    }

    /// Tries every setting, one after the other; none with fewer cases than ``fewest``.
    ///
    /// Throws ``DataError`` if no case has any foreground: every setting that finds less would pay.
    /// `set` names the cases in it.
    package func tune(named set: String) throws -> Tuning {
        var tuning = Tuning(cases: cases.count, steps: [])
        guard cases.contains(where: { $0.truth.contains { $0 > 0 && ignored != Int($0) } }) else {
            throw DataError(
                .uniformMask, path: set, "no truth here has any foreground, so no setting can be judged",
                remedy: "Choose settings on a part of the set that shows what is to be found.")
        }
        guard cases.count >= Self.fewest else { return tuning }
        var scale = 1.0
        if cases[0].fit != nil {
            let step = temperatureStep()
            tuning.steps.append(step.step)
            if step.step.isKept { (scale, tuning.temperature) = (step.factor, temperature * step.factor) }
        }
        var chosen = threshold
        if classes == 1, !cases[0].probabilities.isEmpty {
            let candidates = [threshold] + Self.thresholds.filter { $0 != threshold }
            let (step, best) = try choose("threshold", candidates, { "\($0)" }) { threshold, item in
                try counts(item, 1, threshold, CleanUp.Rule())
            }
            tuning.steps.append(step)
            if step.isKept { chosen = candidates[best] }
        }
        // The recorded threshold applies to probabilities after the temperature.
        let recorded = 1 / (1 + exp(-log(Double(chosen) / (1 - Double(chosen))) / scale))
        if classes == 1, chosen != threshold || (tuning.temperature != nil && threshold != 0.5) {
            tuning.threshold = (recorded * 1e6).rounded() / 1e6
        }
        var cleanUp = CleanUp()
        let kept = chosen
        for label in classes == 1 ? 1..<2 : 1..<classes {
            let candidates = Self.rules
            let (step, best) = try choose("clean-up of \(names(label))", candidates, { Self.text($0) }) { rule, item in
                try counts(item, UInt8(label), kept, rule)
            }
            tuning.steps.append(step)
            if step.isKept { cleanUp.classes[UInt8(label)] = candidates[best] }
        }
        if !cleanUp.isEmpty { tuning.cleanUp = cleanUp.description }
        return tuning
    }

    private static func text(_ rule: CleanUp.Rule) -> String {
        var all = CleanUp()
        all.all = rule
        return all.description
    }

    /// The candidate rules; the first is no clean-up.
    private static let rules: [CleanUp.Rule] = {
        func rule(_ largest: Bool, _ holes: Bool, _ least: Double?) -> CleanUp.Rule {
            var rule = CleanUp.Rule()
            (rule.keepsLargest, rule.fillsHoles, rule.least) = (largest, holes, least.map { .percent($0) })
            return rule
        }
        let sizes = [0.05, 0.1, 0.2, 0.5, 1, 2].flatMap { [rule(false, false, $0), rule(false, true, $0)] }
        return [rule(false, false, nil), rule(false, true, nil), rule(true, false, nil), rule(true, true, nil)] + sizes
    }()

    /// Counts a class's pixels in one case.
    private func counts(_ item: Case, _ label: UInt8, _ threshold: Float, _ rule: CleanUp.Rule) throws -> ConfusionCounts {
        var labels = classes == 1 && !item.probabilities.isEmpty ? item.probabilities.map { $0 >= threshold ? 1 : 0 } : item.labels
        var cleanUp = CleanUp()
        cleanUp.classes[label] = rule
        try cleanUp.apply(to: &labels, shape: item.shape, classes: classes, voxelVolume: item.voxelVolume)
        return ConfusionCounts(labels: labels, truth: item.truth, of: label, ignoring: ignored)
    }

    /// Chooses a candidate on each half and scores it on the other. The first candidate is the
    /// current setting.
    private func choose<Candidate: Sendable>(
        _ name: String, _ candidates: [Candidate], _ text: (Candidate) -> String,
        counts: @Sendable (Candidate, Case) throws -> ConfusionCounts
    ) throws -> (Tuning.Step, best: Int) {
        let all = try candidates.map { candidate in
            try Parallel.map(cases) { item in Result { try counts(candidate, item) } }.map { try $0.get() }
        }
        func iou(_ counts: [ConfusionCounts]) -> Double { BinaryScores(counts.reduce(ConfusionCounts(), +)).miou ?? 0 }
        func best(_ indices: [Int]) -> Int {
            let scores = all.map { counts in iou(indices.map { counts[$0] }) }
            return scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
        }
        let halves = [0, 1].map { half in cases.indices.filter { $0 % 2 == half } }
        let choices = halves.map(best), overall = best(Array(cases.indices))
        // Each case is scored with the choice of the half it is not in.
        let after = cases.indices.map { all[choices[1 - $0 % 2]][$0] }
        let bootstrap = PairedBootstrap(count: cases.count, draws: 2000) { weights in
            [all[0], after].map { counts in
                var sum = ConfusionCounts()
                for (count, weight) in zip(counts, weights) where weight > 0 {
                    sum.truePositives += weight * count.truePositives
                    sum.falsePositives += weight * count.falsePositives
                    sum.falseNegatives += weight * count.falseNegatives
                }
                return BinaryScores(sum).miou ?? 0
            }
        }
        let difference = bootstrap.difference(1, 0)
        return (
            Tuning.Step(
                name: name, from: text(candidates[0]), to: text(candidates[overall]), measure: "pooled IoU", before: bootstrap.observed[0],
                after: bootstrap.observed[1], low: difference.low, high: difference.high,
                isKept: overall != 0 && difference.difference > 0 && difference.isReal), overall
        )
    }

    private func temperatureStep() -> (step: Tuning.Step, factor: Double) {
        let fits = cases.compactMap(\.fit)
        func best(_ half: Int?) -> Double {
            var joined = TemperatureFit(classes: classes)
            for (index, fit) in fits.enumerated() where half == nil || index % 2 == half { joined.add(fit) }
            return joined.best
        }
        let choices = [best(0), best(1)], overall = best(nil)
        let losses = [
            Parallel.map(fits) { $0.loss(1) * Double($0.labels.count) },
            Parallel.map(Array(fits.enumerated())) { $1.loss(choices[1 - $0 % 2]) * Double($1.labels.count) },
        ]
        let bootstrap = PairedBootstrap(count: fits.count, draws: 2000) { weights in
            losses.map { losses in
                let sum = zip(losses, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
                let pixels = zip(fits, weights).reduce(0) { $0 + $1.0.labels.count * $1.1 }
                return sum / Double(max(pixels, 1))
            }
        }
        let difference = bootstrap.difference(1, 0)
        let rounded = (overall * 1e4).rounded() / 1e4
        return (
            Tuning.Step(
                name: "temperature", from: "\(temperature)", to: "\((temperature * rounded * 1e4).rounded() / 1e4)",
                measure: "negative log-likelihood", before: bootstrap.observed[0], after: bootstrap.observed[1], low: difference.low,
                high: difference.high, isKept: difference.difference < 0 && difference.isReal), rounded
        )
    }
}
