import Files
import Foundation
import Runs
import Segmentation

/// The scores of a cross-validation: of each fold, their mean and deviation, and of all folds'
/// pictures or volumes together.
public struct CrossValidationResult: Sendable, Codable, Equatable {
    /// One fold.
    public struct Fold: Sendable, Codable, Equatable {
        /// Its number, from 0.
        public var fold: Int
        /// Its run's folder.
        public var run: String
        /// Its run's progress.
        public var state: AblationResult.State
        /// Pictures or volumes that it validates; nil until it is scored.
        public var count: Int?
        /// The epoch of its best weights.
        public var bestEpoch: Int?
        /// Its scores by name in 0…1, distances as they are.
        public var scores: [String: Double]

        private enum CodingKeys: String, CodingKey { case fold, run, state, count, bestEpoch = "best_epoch", scores }
    }

    /// The grid's title.
    public let title: String
    /// The data set.
    public let dataset: Dataset
    /// Names of the scores in the table's order.
    public let columns: [String]
    /// The folds.
    public let folds: [Fold]
    /// Each score's mean over folds, and its standard deviation.
    public let mean: [String: NetworkComparison.Spread]
    /// Scores of all scored folds' pictures pooled, or of all their volumes.
    public let outOfFold: [String: Double]
    /// True if the scores are of volumes.
    public let isOfVolumes: Bool
    /// True if the cross-validation was interrupted; not saved.
    public internal(set) var isInterrupted = false

    private enum CodingKeys: String, CodingKey {
        case title, dataset, columns, folds, mean, outOfFold = "out_of_fold", isOfVolumes = "is_of_volumes"
    }

    init(_ grid: AblationGrid, in runs: ScoredGrid, states: [AblationResult.State]) throws {
        (title, dataset) = (grid.title, grid.base.data.dataset)
        let scores = grid.cells.map { ComparisonScores.saved(in: runs.run($0)) }
        let scored = scores.compactMap(\.self)
        folds = try grid.cells.indices.map { i in
            let best = states[i] == .pending ? nil : try runs.run(grid.cells[i]).epochs().last(where: \.isBest)
            return Fold(
                fold: i, run: grid.cells[i].name, state: states[i], count: scores[i].map { $0.pictures?.count ?? $0.volumes?.count ?? 0 },
                bestEpoch: best?.epoch, scores: NetworkComparison.scores(scores[i].map { [$0] } ?? []).mapValues(\.mean))
        }
        mean = NetworkComparison.scores(scored)
        isOfVolumes = scored.contains { $0.volumes != nil }
        columns = NetworkComparison.columns(of: mean, isOfVolumes: isOfVolumes)
        outOfFold = NetworkComparison.scores(ComparisonScores(joining: scored).map { [$0] } ?? []).mapValues(\.mean)
    }

    /// The table as Markdown: scores in percent, distances as they are.
    public var markdown: String {
        let unit = isOfVolumes ? "volumes" : "pictures"
        var lines = ["# \(title)", ""]
        let header = ["fold", unit, "best epoch"] + columns.map(NetworkComparison.title)
        lines += [NetworkComparison.line(header), NetworkComparison.line(header.map { $0 == "fold" ? "---" : "---:" })]
        func text(_ value: NetworkComparison.Spread?, _ name: String) -> String {
            value.map { NetworkComparison.text($0, name == VolumeMetric.hd95.name ? 1 : 100) } ?? "–"
        }
        func row(_ name: String, _ count: String, _ epoch: String, _ scores: (String) -> NetworkComparison.Spread?) -> String {
            NetworkComparison.line([name, count, epoch] + columns.map { text(scores($0), $0) })
        }
        for fold in folds {
            let state = fold.count == nil ? " (\(fold.state.rawValue))" : ""
            lines.append(
                row("\(fold.fold)\(state)", fold.count.map(String.init) ?? "–", fold.bestEpoch.map(String.init) ?? "–") { name in
                    fold.scores[name].flatMap { NetworkComparison.Spread([$0]) }
                })
        }
        let count = folds.compactMap(\.count).reduce(0, +)
        lines.append(row("mean ± deviation", "", "") { mean[$0] })
        lines.append(row("all \(unit) together", "\(count)", "") { name in outOfFold[name].flatMap { NetworkComparison.Spread([$0]) } })
        lines += [
            "",
            "Each fold is scored by weights that were trained without it. The deviation is that of the folds, with n − 1."
                + " The epoch was chosen on the fold itself, so that the scores are slightly too good.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Writes `crossvalidation.md` and `crossvalidation.json`, each whole or not at all.
    func write(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(Array(encoder.encode(self) + Data("\n".utf8)), to: folder.appending(path: "crossvalidation.json"))
        try AtomicFile.write(Array(markdown.utf8), to: folder.appending(path: "crossvalidation.md"))
    }
}
