import Foundation
import Torch
import VMUNet

/// Scores of a network on a set, at the size that the network sees.
public struct EvaluationResult: Sendable, Codable, Equatable {
    /// From TP, FP, FN and TN pooled over every pixel of the set (the paper's way); of several classes the mean over those of the foreground.
    public var pooled: BinaryScores
    /// The mean of each picture's own scores.
    public var perImageMean: BinaryScores
    public var loss: Double
    public var images: [Image]
    /// Pooled scores of each class; nil for binary sets.
    public var classes: [Class]?

    public struct Image: Sendable, Codable, Equatable {
        public var name: String
        public var scores: BinaryScores
    }

    public struct Class: Sendable, Codable, Equatable {
        public var label: Int
        public var name: String?
        public var counts: ConfusionCounts
        public var scores: BinaryScores
    }

    private enum CodingKeys: String, CodingKey {
        case pooled, perImageMean = "per_image_mean", loss, images, classes
    }
}

/// Runs a network over a set and scores it.
public struct Evaluator {
    private let dataset: any SegmentationDataset
    private let loader: DataLoader
    private let loss: SegmentationLoss
    private let threshold: Float
    private let precision: RunConfiguration.Precision
    private let ignoredLabel: Int?
    private let classNames: [String]?
    private let compileGraph: Bool

    /// Batches, precision, loss and threshold are the configuration's. With `compileGraph` a GPU is given the network's work as one launch,
    /// recorded anew by every evaluation: nothing is kept between them.
    public init(_ dataset: any SegmentationDataset, _ configuration: RunConfiguration, compileGraph: Bool = false) {
        self.compileGraph = compileGraph
        self.dataset = dataset
        loader = DataLoader(dataset, DataLoader.Options(batchSize: min(configuration.batchSize, 8), seed: configuration.seed))
        loss = configuration.segmentationLoss
        threshold = Float(configuration.threshold)
        precision = configuration.precision
        ignoredLabel = configuration.data.ignoredLabel
        classNames = configuration.data.classNames
    }

    /// Every picture once, in the set's order. What `progress` throws ends it.
    ///
    /// Throws ``NonFiniteScore`` for a network whose output is not a number, and what the data set throws.
    public func evaluate(_ network: VMUNet, progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }) throws -> EvaluationResult {
        let device = network.parameters[0].tensor.device
        var tally = Tally(classes: dataset.classes)
        let mode = ForwardMode(precision: precision.elementType)
        let inference = Inference(network, mode, compileGraph: compileGraph)
        let batches = loader.batches(epoch: 0)
        while let batch = try batches.next() {
            let (images, value, prediction) = try withTorchErrors {
                try withoutGradients {
                    let inputs = BatchTensors(batch, on: device)
                    let logits = try inference(inputs.images)
                    return (inputs.images, loss(logits, inputs.target).item, Prediction(logits))
                }
            }
            guard value.isFinite else {
                throw NonFiniteScore(pictures: batch.names, loss: value, layer: network.firstNonFiniteLayer(images, mode))
            }
            tally.add(batch, prediction, loss: value, threshold: threshold, ignoring: ignoredLabel)
            try progress(tally.images.count, dataset.count)
        }
        return tally.result(classNames: classNames)
    }
}

/// A network whose loss on pictures to score is NaN or infinite: its weights are no use.
public struct NonFiniteScore: Error, Sendable, CustomStringConvertible {
    public let pictures: [String]
    public let loss: Double
    /// The first layer whose output is not finite; nil if all are.
    public let layer: String?

    public var description: String { "the loss is \(loss.isNaN ? "not a number" : "infinite") \(NonFiniteLoss.place(pictures, layer))" }
}

/// What the network says of a batch, on the host.
private enum Prediction {
    case probabilities([Float])
    case labels([UInt8])

    init(_ logits: Tensor) {
        self = logits.size(1) == 1 ? .probabilities(logits.sigmoid().floats()) : .labels(logits.argmax(axis: 1).to(.uint8).bytes())
    }
}

/// Counts and losses, gathered batch by batch.
private struct Tally {
    /// For each picture, the counts of each class that is scored: the foreground, or every label.
    var images: [(name: String, counts: [ConfusionCounts])] = []
    private var lossSum = 0.0
    private let classes: Int

    init(classes: Int) { self.classes = classes }

    mutating func add(_ batch: Batch, _ prediction: Prediction, loss: Double, threshold: Float, ignoring ignored: Int?) {
        lossSum += loss * Double(batch.count)
        let area = batch.height * batch.width
        for i in 0..<batch.count {
            let range = i * area..<(i + 1) * area
            switch (prediction, batch.target) {
            case (.probabilities(let p), .binary(let t)):
                images.append((batch.names[i], [ConfusionCounts(probabilities: p[range], truth: t[range], threshold: threshold)]))
            case (.labels(let p), .labels(let t)):
                let counts = (0..<classes).map { ConfusionCounts(labels: p[range], truth: t[range], of: UInt8($0), ignoring: ignored) }
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
        let each = images.map { EvaluationResult.Image(name: $0.name, scores: scores($0.counts)) }
        return EvaluationResult(
            pooled: scores(total), perImageMean: BinaryScores(meanOf: each.map(\.scores)),
            loss: images.isEmpty ? 0 : lossSum / Double(images.count), images: each,
            classes: classes == 1
                ? nil
                : (0..<classes).map { c in
                    .init(
                        label: c, name: classNames.flatMap { c < $0.count ? $0[c] : nil }, counts: total[c], scores: BinaryScores(total[c]))
                })
    }
}
