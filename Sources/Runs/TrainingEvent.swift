import Foundation
import Segmentation

/// A line of `metrics.jsonl`.
public enum TrainingEvent: Sendable, Equatable {
    case step(epoch: Int, step: Int, loss: Double, learningRate: Double)
    case epoch(EpochRecord)

    /// The results of an epoch. Epochs count from 1.
    public struct EpochRecord: Sendable, Equatable, Codable {
        /// The epoch, from 1.
        public var epoch: Int
        /// The mean training loss.
        public var trainLoss: Double
        /// Nil if the epoch was not evaluated.
        public var validationLoss: Double?
        /// Pooled scores of the validation set.
        public var scores: BinaryScores?
        /// The learning rate of the epoch.
        public var learningRate: Double
        /// Seconds that the epoch took.
        public var seconds: Double
        /// True if its weights are the best so far.
        public var isBest: Bool

        /// An epoch's record.
        public init(
            epoch: Int, trainLoss: Double, validationLoss: Double?, scores: BinaryScores?, learningRate: Double, seconds: Double,
            isBest: Bool
        ) {
            (self.epoch, self.trainLoss, self.validationLoss, self.scores) = (epoch, trainLoss, validationLoss, scores)
            (self.learningRate, self.seconds, self.isBest) = (learningRate, seconds, isBest)
        }
    }
}

extension TrainingEvent: Codable {
    private enum Keys: String, CodingKey {
        case kind, epoch, step, loss, lr, trainLoss = "train_loss", validationLoss = "val_loss", seconds, best
        case miou, dsc, accuracy, specificity, sensitivity
    }

    /// Reads a line of `metrics.jsonl`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Keys.self)
        let epoch = try fields.decode(Int.self, forKey: .epoch)
        let rate = try fields.decode(Double.self, forKey: .lr)
        switch try fields.decode(String.self, forKey: .kind) {
        case "step":
            self = .step(
                epoch: epoch, step: try fields.decode(Int.self, forKey: .step), loss: try fields.decode(Double.self, forKey: .loss),
                learningRate: rate)
        case "epoch":
            let validationLoss = try fields.decodeIfPresent(Double.self, forKey: .validationLoss)
            self = .epoch(
                EpochRecord(
                    epoch: epoch, trainLoss: try fields.decode(Double.self, forKey: .trainLoss), validationLoss: validationLoss,
                    scores: validationLoss == nil ? nil : try BinaryScores(from: decoder), learningRate: rate,
                    seconds: try fields.decode(Double.self, forKey: .seconds), isBest: try fields.decode(Bool.self, forKey: .best)))
        case let other:
            throw DecodingError.dataCorruptedError(forKey: .kind, in: fields, debugDescription: "expected step or epoch, got \(other)")
        }
    }

    /// Writes a line of `metrics.jsonl`.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Keys.self)
        switch self {
        case .step(let epoch, let step, let loss, let learningRate):
            try fields.encode("step", forKey: .kind)
            try fields.encode(epoch, forKey: .epoch)
            try fields.encode(step, forKey: .step)
            try fields.encode(loss, forKey: .loss)
            try fields.encode(learningRate, forKey: .lr)
        case .epoch(let record):
            try fields.encode("epoch", forKey: .kind)
            try fields.encode(record.epoch, forKey: .epoch)
            try fields.encode(record.trainLoss, forKey: .trainLoss)
            try fields.encode(record.validationLoss, forKey: .validationLoss)
            try fields.encode(record.learningRate, forKey: .lr)
            try fields.encode(record.seconds, forKey: .seconds)
            try fields.encode(record.isBest, forKey: .best)
            try record.scores?.encode(to: encoder)
        }
    }
}
