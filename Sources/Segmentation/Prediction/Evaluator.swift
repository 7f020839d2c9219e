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
    /// The calibration of the probabilities; nil unless requested.
    public var calibration: Calibration?
    /// The power of each uncertainty measure to find the worst tenth of the pictures; nil unless
    /// requested.
    public var rankings: [Ranking]?

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
        /// The network's uncertainty; nil unless requested.
        public var doubt: Doubt?
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
        case pooled, perImageMean = "per_image_mean", loss, images, emptyPictures = "empty_pictures", classes, calibration, rankings
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

extension BatchScorer {
    /// The logits of a batch, and its loss. Throws ``NonFiniteScore`` if the loss is not finite.
    func finiteScore(_ batch: Batch) throws -> (logits: Logits, loss: Double) {
        let score = try score(batch)
        guard score.loss.isFinite else {
            throw NonFiniteScore(pictures: batch.names, loss: score.loss, layer: firstNonFiniteLayer(batch))
        }
        return score
    }
}

/// Scores with a network; computes the loss on the host.
struct NetworkScorer: BatchScorer {
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
        /// Clean-up of the labels before they are scored.
        public var cleanUp = CleanUp.none
        /// Also measures the calibration of the probabilities.
        public var measuresCalibration = false
        /// Also measures the network's uncertainty about each picture.
        public var measuresDoubt = false
        /// A label that the scores ignore.
        public var ignoredLabel: Int?
        /// One name for each class.
        public var classNames: [String]?
        /// The loss to report.
        public var loss = SegmentationLoss()

        /// Batches of eight pictures, a threshold of one half.
        public init() {}
    }

    let dataset: any SegmentationDataset
    let loader: DataLoader
    let options: Options

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
        result(of: [try part(.whole, scorer, progress: progress)])
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
