import Files
import Foundation
import Networks
import Runs
import Segmentation
import Torch

/// A comparison's results: the paper's Tables I or II with mean and deviation over seeds, and which
/// differences are more than chance.
public struct NetworkComparison: Sendable, Codable, Equatable {
    /// A mean over seeds, and the standard deviation if there are several.
    public struct Spread: Sendable, Codable, Equatable {
        /// The mean.
        public var mean: Double
        /// Of the seeds' values around it, with n − 1; nil for one seed.
        public var deviation: Double?

        /// Nil without values.
        init?(_ values: [Double]) {
            guard !values.isEmpty else { return nil }
            let mean = values.reduce(0, +) / Double(values.count)
            self.mean = mean
            if values.count > 1 {
                deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
            }
        }
    }

    /// One network.
    public struct Row: Sendable, Codable, Equatable {
        /// The network's label.
        public var network: String
        /// Runs that are done and scored, one per seed.
        public var seeds: [UInt64]
        /// Runs whose loss was not finite or that are not done.
        public var missing: Int
        /// Trained values.
        public var parameters: Int
        /// Multiply-adds of convolutions, products and scans for one picture.
        public var multiplyAdds: Int
        /// Epochs of each run.
        public var epochs: Int
        /// Minutes of a run's training, validation included.
        public var minutes: Spread?
        /// The most memory of a run's training, in bytes.
        public var peakMemory: Int?
        /// Table I's scores by name in 0…1, or Table II's with each class's DSC under its name.
        public var scores: [String: Spread]

        private enum CodingKeys: String, CodingKey {
            case network, seeds, missing, parameters, multiplyAdds = "multiply_adds", epochs, minutes, peakMemory = "peak_memory_bytes"
            case scores
        }
    }

    /// Two networks.
    public struct Pair: Sendable, Codable, Equatable {
        /// The first network's label.
        public var a: String
        /// The second's.
        public var b: String
        /// Of their DSC, in 0…1.
        public var difference: PairedBootstrap.Difference
    }

    /// The grid's title.
    public let title: String
    /// The data set.
    public let dataset: Dataset
    /// Names of the scores in the tables' order.
    public let columns: [String]
    /// The networks, in the order given.
    public let rows: [Row]
    /// Every pair of scored networks.
    public let pairs: [Pair]
    /// Pictures or volumes that the pairs were tested on.
    public let count: Int
    /// True if the scores are of volumes.
    public let isOfVolumes: Bool
    /// True if the comparison was interrupted; not saved.
    public internal(set) var isInterrupted = false

    private enum CodingKeys: String, CodingKey { case title, dataset, columns, rows, pairs, count, isOfVolumes = "is_of_volumes" }

    /// Gathers the results in the runs' folders.
    init(_ comparison: ComparisonGrid, in folder: URL, states: [AblationResult.State]) throws {
        (title, dataset) = (comparison.grid.title, comparison.grid.base.data.dataset)
        var scored: [(network: String, seed: UInt64, scores: ComparisonScores)] = []
        var rows: [Row] = []
        for network in comparison.networks {
            let cells = comparison.cells(of: network)
            let runs = cells.map { RunFolder(existing: folder.appending(path: $0.name)) }
            let found = zip(cells, runs).compactMap { cell, run in
                ComparisonScores.saved(in: run).map { (network: network, seed: cell.configuration.seed, scores: $0) }
            }
            scored += found
            let configuration = cells[0].configuration
            let minutes = try zip(cells, runs).filter { cell, _ in found.contains { $0.seed == cell.configuration.seed } }
                .map { try $1.epochs().reduce(0) { $0 + $1.seconds } / 60 }
            rows.append(
                Row(
                    network: network, seeds: found.map(\.seed), missing: cells.count - found.count,
                    parameters: try configuration.parameterCount(), multiplyAdds: try configuration.multiplyAdds(),
                    epochs: configuration.epochs, minutes: Spread(minutes), peakMemory: found.compactMap(\.scores.peakMemory).max(),
                    scores: Self.scores(found.map(\.scores))))
        }
        self.rows = rows
        isOfVolumes = scored.contains { $0.scores.volumes != nil }
        columns = Self.columns(of: rows.first { !$0.scores.isEmpty }?.scores ?? [:], isOfVolumes: isOfVolumes)
        (pairs, count) = Self.compared(scored, comparison.networks.filter { network in scored.contains { $0.network == network } })
    }

    static let classPrefix = "dice of "

    /// Names of scores in the tables' order: the paper's, then each class of volumes.
    static func columns(of scores: [String: Spread], isOfVolumes: Bool) -> [String] {
        guard isOfVolumes else { return BinaryMetric.all.map(\.name) }
        return VolumeMetric.published.map(\.name) + scores.keys.sorted().filter { $0.hasPrefix(classPrefix) }
    }

    /// Scores by name: each one's mean over runs, and deviation.
    static func scores(_ runs: [ComparisonScores]) -> [String: Spread] {
        var values: [String: [Double]] = [:]
        for run in runs {
            if let volumes = run.volumes, let summary = try? VolumeScoreSummary(volumes) {
                for metric in VolumeMetric.published { values[metric.name, default: []].append(summary.published.means[metric] ?? .nan) }
                for of in summary.published.classes { values[classPrefix + of.name, default: []].append(of.dice ?? .nan) }
            } else if let pictures = run.pictures {
                let pooled = pooledScores(pictures.map { ($0.counts, 1) })
                for metric in BinaryMetric.all { if let value = pooled[metric] { values[metric.name, default: []].append(value) } }
            }
        }
        return values.compactMapValues(Spread.init)
    }

    /// Scores of counts pooled over pictures, each as often as its weight says; the mean over
    /// classes.
    private static func pooledScores(_ pictures: [(counts: [ConfusionCounts], weight: Int)]) -> BinaryScores {
        var total = Array(repeating: ConfusionCounts(), count: pictures.first?.counts.count ?? 0)
        for (counts, weight) in pictures where weight > 0 {
            for (i, one) in counts.enumerated() {
                total[i].truePositives += weight * one.truePositives
                total[i].falsePositives += weight * one.falsePositives
                total[i].falseNegatives += weight * one.falseNegatives
                total[i].trueNegatives += weight * one.trueNegatives
            }
        }
        return BinaryScores(meanOf: total.map { BinaryScores($0) })
    }

    /// Every pair, by a bootstrap over the pictures or volumes that all runs of a seed have in
    /// common; a network's score on a draw is the mean over its seeds.
    private static func compared(
        _ scored: [(network: String, seed: UInt64, scores: ComparisonScores)], _ networks: [String]
    ) -> ([Pair], Int) {
        func names(_ scores: ComparisonScores) -> [String] { scores.pictures?.map(\.name) ?? scores.volumes?.map(\.name) ?? [] }
        let units = Set(scored.flatMap { names($0.scores) }).sorted()
        let index = Dictionary(uniqueKeysWithValues: units.enumerated().map { ($1, $0) })
        let bootstrap = PairedBootstrap(count: units.count) { weights in
            networks.map { network in
                let each = scored.filter { $0.network == network }.compactMap { run -> Double? in
                    if let volumes = run.scores.volumes {
                        let weighted = volumes.map { (dice: dice($0), weight: weights[index[$0.name] ?? 0]) }
                        let total = weighted.reduce(0) { $0 + $1.weight }
                        return total > 0 ? weighted.reduce(0) { $0 + $1.dice * Double($1.weight) } / Double(total) : nil
                    }
                    return pooledScores((run.scores.pictures ?? []).map { ($0.counts, weights[index[$0.name] ?? 0]) }).dsc
                }
                return each.isEmpty ? 0 : each.reduce(0, +) / Double(each.count)
            }
        }
        let pairs = bootstrap.differences().map { Pair(a: networks[$0.a], b: networks[$0.b], difference: $0.2) }
        return (pairs, units.count)
    }

    /// The mean over classes, scored as published.
    private static func dice(_ volume: VolumeScores) -> Double {
        let values = volume.classes.map { $0.published(.dice) }
        return values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }

    /// Writes `comparison.md` and `comparison.json`, each whole or not at all.
    func write(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(Array(encoder.encode(self) + Data("\n".utf8)), to: folder.appending(path: "comparison.json"))
        try AtomicFile.write(Array(markdown.utf8), to: folder.appending(path: "comparison.md"))
    }
}

extension RunConfiguration {
    /// Multiply-adds of convolutions, products and scans of the run's network for one picture,
    /// counted while a new one runs.
    public func multiplyAdds() throws -> Int {
        let network = try makeNetwork()
        let size = data.imageSize
        return try withTorchErrors {
            let picture = Tensor.random(count: 3 * size * size).reshaped([1, 3, size, size])
            return OperationCount.of { withoutGradients { _ = network(picture, .inference) } }
        }
    }
}
