import Files
import Foundation
import Runs

/// Progress of training and scoring the runs of a grid.
public enum ScoredGridProgress {
    /// A run's training.
    case training(AblationProgress)
    /// A run's best weights are being scored.
    case scoring(run: String, share: Double)
}

/// Trains the runs of a grid and scores the best weights of each on its own validation data.
/// Continues where it was interrupted.
struct ScoredGrid: Sendable {
    let grid: AblationGrid
    /// Holds the runs' folders.
    let folder: URL
    private let runner: AblationRunner

    init(_ grid: AblationGrid, in folder: URL, compileGraph: Bool) {
        (self.grid, self.folder) = (grid, folder)
        runner = AblationRunner(grid, in: folder, compileGraph: compileGraph)
    }

    /// Each run's progress, in the grid's order. Throws as ``AblationRunner/state(of:)`` does.
    func states() throws -> [AblationResult.State] { try grid.cells.map(runner.state) }

    func run(_ cell: AblationGrid.Cell) -> RunFolder { RunFolder(existing: folder.appending(path: cell.name)) }

    /// Trains and scores the remaining runs, and saves their scores in their folders. Returns true
    /// if `shouldStop` ended it.
    func run(shouldStop: () -> Bool, report: (ScoredGridProgress) -> Void) throws -> Bool {
        var trained: String?
        func noteMemory() throws {
            guard let name = trained, let peak = PeakMemory.bytes else { return }
            try AtomicFile.write(Array("\(peak)\n".utf8), to: memoryFile(name))
        }
        let result = try runner.run(shouldStop: shouldStop) { progress in
            if case .cell(let cell, _, _, _) = progress {
                try? noteMemory()
                trained = cell.name
                PeakMemory.reset()
            }
            report(.training(progress))
        }
        try? noteMemory()
        for (cell, state) in zip(grid.cells, try states()) where state == .finished && !shouldStop() {
            guard ComparisonScores.saved(in: run(cell)) == nil else { continue }
            var scores = try ComparisonScores(cell, in: run(cell)) { report(.scoring(run: cell.name, share: $0)) }
            scores.peakMemory = (try? String(contentsOf: memoryFile(cell.name), encoding: .utf8))
                .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            try scores.save(in: run(cell))
        }
        return result.isInterrupted || shouldStop()
    }

    private func memoryFile(_ run: String) -> URL { folder.appending(path: run).appending(path: "peak-memory.txt") }
}

/// The most memory that this process has held since the last reset; Linux reports it.
private enum PeakMemory {
    static func reset() { try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs")) }

    static var bytes: Int? {
        guard let status = try? String(contentsOf: URL(filePath: "/proc/self/status"), encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
        else { return nil }
        return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
