import Files

/// A network's scores on a set, at the network's input size.
public struct EvaluationResult: Sendable, Codable, Equatable {
    /// From TP, FP, FN and TN pooled over every pixel of the set, as in the paper; for several
    /// classes, the mean over all except the background.
    public var pooled: BinaryScores
    /// The mean of the pictures' own scores, without pictures that are empty and predicted empty.
    public var perImageMean: BinaryScores
    /// The mean loss over all pictures.
    public var loss: Double
    /// Each picture's scores, in the order of the set.
    public var images: [Image]
    /// Results for pictures whose truth has no foreground.
    public var emptyPictures = EmptyPictures()
    /// Pooled scores of each class; nil for binary sets.
    public var classes: [Class]?

    /// Results for pictures whose truth has no foreground.
    public struct EmptyPictures: Sendable, Codable, Equatable {
        /// The number of pictures with an empty truth.
        public var count = 0
        /// Those in which nothing was predicted: correct, and left out of the mean over pictures.
        public var foundEmpty = 0
        /// Those in which something was predicted: their IoU and DSC are 0.
        public var withFindings = 0

        /// None.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case count, foundEmpty = "found_empty", withFindings = "with_findings"
        }
    }

    /// The scores of one picture.
    public struct Image: Sendable, Codable, Equatable {
        /// The picture's name in the set.
        public var name: String
        /// Its scores.
        public var scores: BinaryScores
        /// Its pixels, for each scored class: the foreground, or every class but the background.
        public var counts: [ConfusionCounts]
    }

    /// One class's scores over the whole set.
    public struct Class: Sendable, Codable, Equatable {
        /// The class's number in the masks.
        public var label: Int
        /// Its name, if the weights record one.
        public var name: String?
        /// Pooled counts of pixels.
        public var counts: ConfusionCounts
        /// Its scores.
        public var scores: BinaryScores
    }

    private enum CodingKeys: String, CodingKey {
        case pooled, perImageMean = "per_image_mean", loss, images, emptyPictures = "empty_pictures", classes
    }
}

/// Computes a batch's logits and loss, from a network alone or as in training.
package protocol BatchScorer {
    /// The logits of a batch, and its loss.
    func score(_ batch: Batch) throws -> (logits: Logits, loss: Double)
    /// The first layer whose output for this batch is not finite, for the message about such a
    /// loss.
    func firstNonFiniteLayer(_ batch: Batch) -> String?
}

/// Scores with a network; computes the loss on the host.
private struct NetworkScorer: BatchScorer {
    let network: any InferenceNetwork
    let loss: SegmentationLoss

    func score(_ batch: Batch) throws -> (logits: Logits, loss: Double) {
        let logits = try network.answer(batch.images, batch: batch.count, height: batch.height, width: batch.width)
        return (logits, loss.value(logits, batch.target))
    }

    func firstNonFiniteLayer(_ batch: Batch) -> String? {
        network.firstNonFiniteLayer(batch.images, batch: batch.count, height: batch.height, width: batch.width)
    }
}

/// Runs a network over a set and scores it.
public struct Evaluator {
    /// Settings for scoring a set.
    public struct Options: Sendable {
        /// Pictures per batch.
        public var batchSize = 8
        /// The least probability of a foreground pixel.
        public var threshold: Float = 0.5
        /// A label that the scores ignore.
        public var ignoredLabel: Int?
        /// One name for each class.
        public var classNames: [String]?
        /// The loss to report.
        public var loss = SegmentationLoss()

        /// Batches of eight pictures, a threshold of one half.
        public init() {}
    }

    private let dataset: any SegmentationDataset
    private let loader: DataLoader
    private let options: Options

    /// An evaluator of a set.
    public init(_ dataset: any SegmentationDataset, _ options: Options = Options()) {
        self.dataset = dataset
        self.options = options
        loader = DataLoader(dataset, DataLoader.Options(batchSize: options.batchSize))
    }

    /// Scores a network on every picture once, in the set's order. An error thrown by `progress`
    /// ends it.
    ///
    /// Throws ``NonFiniteScore`` if the network's output is not finite, and what the data set
    /// throws.
    public func evaluate(
        _ network: any InferenceNetwork, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> EvaluationResult {
        try evaluate(NetworkScorer(network: network, loss: options.loss), progress: progress)
    }

    /// Scores every picture once, in the set's order, with the logits and losses of `scorer`. An
    /// error thrown by `progress` ends it.
    ///
    /// Throws ``NonFiniteScore`` for a loss that is not finite, and what the data set and the
    /// scorer throw.
    package func evaluate(
        _ scorer: some BatchScorer, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
    ) throws -> EvaluationResult {
        var tally = Tally(classes: dataset.classes)
        let batches = loader.batches(epoch: 0)
        while let batch = try batches.next() {
            let (logits, loss) = try scorer.score(batch)
            guard loss.isFinite else {
                throw NonFiniteScore(pictures: batch.names, loss: loss, layer: scorer.firstNonFiniteLayer(batch))
            }
            tally.add(batch, logits, loss: loss, threshold: options.threshold, ignoring: options.ignoredLabel)
            try progress(tally.images.count, dataset.count)
        }
        return tally.result(classNames: options.classNames)
    }
}

/// A network whose loss on pictures is NaN or infinite; its weights are useless.
public struct NonFiniteScore: UserError {
    /// The batch's pictures.
    public let pictures: [String]
    /// Not a number, or infinite.
    public let loss: Double
    /// The first layer whose output is not finite; nil if all are.
    public let layer: String?

    /// "on the pictures a, b; first output that is not finite: layers.0".
    public static func place(_ pictures: [String], _ layer: String?) -> String {
        let names = pictures.prefix(8).joined(separator: ", ") + (pictures.count > 8 ? " and \(pictures.count - 8) more" : "")
        return "on the pictures \(names); first output that is not finite: \(layer ?? "none, only the loss")"
    }

    /// Empty: the weights are the caller's.
    public var subject: String { "" }
    /// The loss, the pictures and the layer.
    public var problem: String { "the loss is \(loss.isNaN ? "not a number" : "infinite") \(Self.place(pictures, layer))" }
    /// Suggests other weights.
    public var remedy: String { "give other weights" }
}

/// Counts and losses, collected batch by batch.
private struct Tally {
    /// For each picture, the counts of each scored class: the foreground, or every label.
    var images: [(name: String, counts: [ConfusionCounts])] = []
    private var lossSum = 0.0
    private let classes: Int

    init(classes: Int) { self.classes = classes }

    mutating func add(_ batch: Batch, _ logits: Logits, loss: Double, threshold: Float, ignoring ignored: Int?) {
        lossSum += loss * Double(batch.count)
        let area = batch.height * batch.width
        for i in 0..<batch.count {
            let range = i * area..<(i + 1) * area
            switch (logits.answer(i), batch.target) {
            case (.foreground(let p), .binary(let t)):
                images.append((batch.names[i], [ConfusionCounts(probabilities: p, truth: t[range], threshold: threshold)]))
            case (.labels(let p), .labels(let t)):
                let counts = (0..<classes).map { ConfusionCounts(labels: p, truth: t[range], of: UInt8($0), ignoring: ignored) }
                images.append((batch.names[i], counts))
            default:
                preconditionFailure("a network of one class for labels, or the reverse: the two were checked against each other before")
            }
        }
    }

    func result(classNames: [String]?) -> EvaluationResult {
        let scored = classes == 1 ? 0..<1 : 1..<classes
        let total = (0..<max(classes, 1)).map { c in images.reduce(ConfusionCounts()) { $0 + $1.counts[c] } }
        func scores(_ counts: [ConfusionCounts]) -> BinaryScores { BinaryScores(meanOf: scored.map { BinaryScores(counts[$0]) }) }
        let each = images.map { EvaluationResult.Image(name: $0.name, scores: scores($0.counts), counts: Array($0.counts[scored])) }
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
        return EvaluationResult(
            pooled: scores(total), perImageMean: BinaryScores(meanOf: counted),
            loss: images.isEmpty ? 0 : lossSum / Double(images.count), images: each, emptyPictures: empty,
            classes: classes == 1
                ? nil
                : (0..<classes).map { c in
                    .init(
                        label: c, name: classNames.flatMap { c < $0.count ? $0[c] : nil }, counts: total[c], scores: BinaryScores(total[c]))
                })
    }
}
