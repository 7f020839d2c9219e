import Foundation
import Runs
import Segmentation

/// A report's content, gathered before ``ReportPage`` writes it.
struct ReportContent: Sendable {
    var runs: [Run]
    var comparison: Grid?
    /// The paper's results on the same data set, if any.
    var published: [PublishedResult] = []
    var date: String

    /// One training run.
    struct Run: Sendable {
        var name: String
        /// "small VM-UNet on isic17, 128×128".
        var summary: String
        var events: [TrainingEvent]
        var plannedEpochs: Int?
        var settings: [SettingsGroup]
        var parameters: Int?
        var environments: [RunEnvironment] = []
        var evaluation: Evaluation?
        /// Scores of the best weights on the set's held-back volumes, if it has any.
        var volumes: VolumeScoreSummary?
        /// Some of those volumes, three planes each with the predicted labels.
        var previews: [Tile] = []
        var examples: [Example] = []
        /// The weights' record of their training, and their digest.
        var weights: (summary: String?, digest: String)?
        /// Notes on omissions and their reasons.
        var notes: [String] = []
    }

    /// Scores of a run's best weights on its validation split.
    struct Evaluation: Sendable {
        var pooled: BinaryScores
        var perImageMean: BinaryScores
        /// Each picture's IoU; nil if neither truth nor prediction has any foreground.
        var pictureScores: [Double?]
        var pictures: Int { pictureScores.count }
        /// Counts of pictures whose truth has no foreground.
        var empty = EvaluationResult.EmptyPictures()
        /// Scores of each class except the background; empty for binary sets.
        var classes: [(name: String, scores: BinaryScores)] = []
        /// The calibration of the probabilities.
        var calibration: Calibration?
        /// The Dice error that the network expects of each picture, and the real one; pictures whose
        /// truth and prediction are empty are left out.
        var doubts: [(name: String, expected: Double, error: Double)] = []
        /// The power of each uncertainty measure to find the worst tenth.
        var rankings: [Ranking] = []
    }

    /// A picture and its prediction.
    struct Example: Sendable {
        /// "best", "median", "worst", "most doubtful".
        var rank: String
        var name: String
        var scores: BinaryScores
        var tiles: [Tile]
    }

    /// A picture as a JPEG file, with its caption.
    struct Tile: Sendable {
        var jpeg: [UInt8]
        var caption: String
    }

    /// Pictures in rows, with columns for picture, truth and each run (Figure 4).
    struct Grid: Sendable {
        var columns: [String]
        var rows: [(label: String, tiles: [Tile])]
    }

    struct PublishedResult: Sendable {
        var name: String
        var scores: BinaryScores
    }
}

extension ReportContent.Run {
    var epochs: [TrainingEvent.EpochRecord] {
        events.compactMap { event in
            if case .epoch(let record) = event { record } else { nil }
        }
    }

    /// The epoch whose weights were kept, the last that set a new best.
    var best: TrainingEvent.EpochRecord? { epochs.last(where: \.isBest) }

    var trainingSeconds: Double { epochs.reduce(0) { $0 + $1.seconds } }

    /// Losses of single steps over epochs: a step in the middle of epoch 3 is at 2.5.
    var steps: [LineChart.Point] {
        let all = events.compactMap { event in
            if case .step(let epoch, let step, let loss, _) = event { (epoch: epoch, step: step, loss: loss) } else { nil }
        }
        let perEpoch = Double(max(all.map(\.step).max() ?? 1, 1))
        return all.map { LineChart.Point(x: Double($0.epoch) - 1 + Double($0.step) / perEpoch, y: $0.loss) }
    }
}

/// A section of a configuration: every key with its value as text.
struct SettingsGroup: Sendable, Equatable {
    var name: String
    var values: [(key: String, value: String)]

    static func == (a: SettingsGroup, b: SettingsGroup) -> Bool { a.name == b.name && a.values.elementsEqual(b.values, by: ==) }

    /// The sections of a configuration's YAML as this project writes it, with sections' keys
    /// indented by two. Paths are left out: they belong to the machine.
    static func read(yaml: String) -> [SettingsGroup] {
        var groups = [SettingsGroup(name: "training", values: [])]
        var section: String?
        for line in yaml.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].trimmingCharacters(in: .whitespaces)
            let value = shown(line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces), key: key)
            if line.hasPrefix("  "), let section {
                if section == "data", key == "path" { continue }
                groups[groups.count - 1].values.append((key, value))
            } else if value.isEmpty {
                section = key
                groups.append(SettingsGroup(name: key, values: []))
            } else {
                section = nil
                groups[0].values.append((key, value))
            }
        }
        return groups.filter { !$0.values.isEmpty }
    }

    private static func shown(_ text: String, key: String) -> String {
        var value = text
        for quote in ["\"", "'"] where value.count >= 2 && value.hasPrefix(quote) && value.hasSuffix(quote) {
            value = String(value.dropFirst().dropLast())
        }
        if value == "null" { return "none" }
        if let number = Double(value), value.contains("e") { return Figures.short(number, digits: 6) }
        return key == "initial_weights" ? (value as NSString).lastPathComponent : value
    }
}
