import Foundation

/// A line of `metrics.jsonl`.
public enum TrainingEvent: Sendable, Equatable {
    case step(epoch: Int, step: Int, loss: Double, learningRate: Double)
    case epoch(EpochRecord)

    /// What an epoch came to. Epochs count from 1.
    public struct EpochRecord: Sendable, Equatable, Codable {
        public var epoch: Int
        public var trainLoss: Double
        /// Nil where the epoch was not evaluated.
        public var validationLoss: Double?
        public var scores: BinaryScores?
        public var learningRate: Double
        public var seconds: Double
        public var isBest: Bool
    }
}

extension TrainingEvent: Codable {
    private enum Keys: String, CodingKey {
        case kind, epoch, step, loss, lr, trainLoss = "train_loss", validationLoss = "val_loss", seconds, best
        case miou, dsc, accuracy, specificity, sensitivity
    }

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

/// `metrics.jsonl`, one event a line, appended as it happens.
final class MetricsLog {
    private let handle: FileHandle
    private let url: URL
    private let encoder: JSONEncoder

    /// Goes on after `position`: lines of steps and epochs that a stopped run had written beyond its checkpoint will come again, so they are cut off.
    init(_ url: URL, after position: TrainingPosition) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        self.encoder = encoder
        self.url = url
        let kept = try Self.read(url).filter { event in
            switch event {
            case .step(let epoch, let step, _, _): epoch <= position.epoch || (epoch == position.epoch + 1 && step <= position.step)
            case .epoch(let record): record.epoch <= position.epoch
            }
        }
        let lines = try kept.map { try encoder.encode($0) + Data("\n".utf8) }
        do {
            try Data(lines.joined()).write(to: url, options: .atomic)
            handle = try FileHandle(forWritingTo: url)
            try handle.seekToEnd()
        } catch {
            throw Self.unwritable(url, error)
        }
    }

    func append(_ event: TrainingEvent) throws {
        let line = try encoder.encode(event) + Data("\n".utf8)
        do { try handle.write(contentsOf: line) } catch { throw Self.unwritable(url, error) }
    }

    private static func unwritable(_ url: URL, _ error: any Error) -> RunFolderError {
        RunFolderError(
            folder: url.relativePath, reason: "cannot be written: \(RunFolder.reason(error))",
            remedy: "check its permissions and the space left on the disk, then go on by --resume")
    }

    /// The events of a file; none if there is no file. A last line that was cut off in writing is passed over.
    static func read(_ url: URL) throws -> [TrainingEvent] {
        guard FileManager.default.fileExists(atPath: url.path) else { return [] }
        let decoder = JSONDecoder()
        return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).compactMap {
            try? decoder.decode(TrainingEvent.self, from: $0)
        }
    }
}

extension RunFolder {
    /// What `metrics.jsonl` holds so far.
    public func events() throws -> [TrainingEvent] { try MetricsLog.read(metrics) }
}
