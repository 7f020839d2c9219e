import Files
import Foundation
import Networks
import Runs
import Segmentation
import Torch

/// Trains the runs of a comparison, scores each, and writes the tables: `comparison.md` and
/// `comparison.json` beside the runs' folders. Continues one that was interrupted.
public struct ComparisonRunner: Sendable {
    /// The networks and seeds.
    public let comparison: ComparisonGrid
    /// Holds the runs' folders and the tables.
    public let folder: URL
    private let runs: ScoredGrid

    /// `compileGraph` as for ``Trainer``.
    public init(_ comparison: ComparisonGrid, in folder: URL, compileGraph: Bool = false) {
        (self.comparison, self.folder) = (comparison, folder)
        runs = ScoredGrid(comparison.grid, in: folder, compileGraph: compileGraph)
    }

    /// Each run's progress, in the grid's order. Throws as ``AblationRunner/state(of:)`` does.
    public func states() throws -> [AblationResult.State] { try runs.states() }

    /// Trains and scores the remaining runs. `isInterrupted` of the result tells whether
    /// `shouldStop` ended it.
    ///
    /// Throws what ``AblationRunner/run(shouldStop:report:)`` and the evaluators throw.
    public func run(shouldStop: () -> Bool = { false }, report: (ScoredGridProgress) -> Void = { _ in }) throws -> NetworkComparison {
        let isInterrupted = try runs.run(shouldStop: shouldStop, report: report)
        var compared = try NetworkComparison(comparison, in: folder, states: states())
        try compared.write(to: folder)
        compared.isInterrupted = isInterrupted
        return compared
    }

    /// The content of a figure of the comparison.
    public struct Figure {
        /// The validation set of the first seed.
        public let set: any SegmentationDataset
        /// Its pictures from the best to the worst by the networks' mean DSC, each with a caption.
        public let samples: [(index: Int, caption: String)]
        /// The networks that are scored, each with its best weights.
        public let networks: [(name: String, segmenter: () throws -> Segmenter)]
    }

    /// Evenly chosen pictures for a figure; nil for sets of volumes, and while nothing is scored.
    /// Rethrows the set's errors.
    public func figure(rows: Int) throws -> Figure? {
        guard let seed = comparison.seeds.first else { return nil }
        let scored = comparison.grid.cells.filter { $0.configuration.seed == seed }.compactMap { cell in
            let run = RunFolder(existing: folder.appending(path: cell.name))
            return ComparisonScores.saved(in: run)?.pictures.map { (cell: cell, run: run, pictures: $0) }
        }
        guard let first = scored.first else { return nil }
        let set = try ComparisonScores.pictures(first.cell.configuration)
        let means = first.pictures.indices.map { i in
            scored.reduce(0) { $0 + (i < $1.pictures.count ? $1.pictures[i].scores.dsc ?? 0 : 0) } / Double(scored.count)
        }
        let order = means.indices.sorted { means[$0] > means[$1] }
        let places = Set((0..<rows).map { ($0 * (order.count - 1)) / max(rows - 1, 1) }).sorted()
        let arePublic = first.cell.configuration.data.dataset.layout.areNamesPublic(first.pictures.map(\.name))
        return Figure(
            set: set,
            samples: places.map { place in
                let index = order[place]
                return (index, arePublic ? first.pictures[index].name : "picture \(index + 1)")
            },
            networks: scored.map { one in (one.cell.labels[0], { try ComparisonScores.segmenter(one.cell, in: one.run) }) })
    }

    // MARK: - Budgets

    /// The epochs that fit into `minutes` of training, for each network: three steps of each
    /// are timed. Written to `budget.json` and read from there when the comparison continues, so
    /// that its runs stay the same.
    ///
    /// Throws ``/Files/FileError`` if the folder's budget differs.
    public static func epochs(
        within minutes: Double, _ comparison: ComparisonGrid, in folder: URL, note: (String) -> Void
    ) throws -> [String: Int] {
        let file = folder.appending(path: "budget.json")
        var budget = Budget(minutes: minutes)
        if let bytes = try? Data(contentsOf: file), let saved = try? JSONDecoder().decode(Budget.self, from: bytes) {
            guard saved.minutes == minutes else {
                throw FileError(
                    .occupied, file: folder.relativePath, reason: "its runs have a budget of \(saved.minutes) minutes, not \(minutes)",
                    remedy: "choose another --runs, or the minutes that it started with")
            }
            budget = saved
        }
        for network in comparison.networks where budget.epochs[network] == nil {
            guard let cell = comparison.cells(of: network).first else { continue }
            let seconds = try secondsPerEpoch(cell.configuration)
            budget.epochs[network] = max(1, Int(60 * minutes / seconds))
            note("\(network): \(String(format: "%.1f", seconds)) s an epoch, \(budget.epochs[network] ?? 1) in \(minutes) minutes")
            try Folder.make(folder, option: "--runs")
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try AtomicFile.write(Array(encoder.encode(budget) + Data("\n".utf8)), to: file)
        }
        return budget.epochs
    }

    private struct Budget: Codable {
        var minutes: Double
        var epochs: [String: Int] = [:]
    }

    /// Times training and validation by the steps after the first, which allocates for the later
    /// ones.
    private static func secondsPerEpoch(_ configuration: RunConfiguration) throws -> Double {
        let trial = FileManager.default.temporaryDirectory.appending(path: "vmunet-trial-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: trial) }
        let data = try TrainingData(configuration)
        let steps = max(1, (data.training.count + configuration.batchSize - 1) / configuration.batchSize)
        let timed = 3 * configuration.accumulate
        let trainer = try Trainer.begin(configuration, in: trial, data: data).trainer
        var times: [ContinuousClock.Instant] = []
        _ = try trainer.run(shouldStop: { times.count > timed }) { if case .step = $0 { times.append(.now) } }
        guard let first = times.first, let last = times.last, times.count > 1 else { return 1 }
        let step = (last - first).seconds / Double(times.count - 1)
        // Validation goes forward only: about a third of a step's work a picture.
        let validation = Double(data.validation?.count ?? 0) / Double(configuration.batchSize * configuration.evaluateEvery) / 3
        return step * (Double(steps) + validation)
    }
}
