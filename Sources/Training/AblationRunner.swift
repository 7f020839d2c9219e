import Files
import Foundation
import Runs
import Segmentation

/// A runner's progress.
public enum AblationProgress {
    /// A cell starts or continues; `of` counts all cells.
    case cell(AblationGrid.Cell, state: AblationResult.State, index: Int, of: Int)
    /// A message for the user.
    case note(String)
    /// The cell's training.
    case training(TrainingProgress)
    /// A cell's loss was not finite; the other cells go on.
    case failed(AblationGrid.Cell, any Error)
}

/// Trains the cells of a grid one after the other, each in its own folder. Continues a grid that
/// was interrupted.
public struct AblationRunner: Sendable {
    /// The grid.
    public let grid: AblationGrid
    /// Holds a run's folder for each cell, `ablation.md` and `ablation.json`.
    public let folder: URL

    private let compileGraph: Bool

    /// `compileGraph` as for ``Trainer``.
    public init(_ grid: AblationGrid, in folder: URL, compileGraph: Bool = false) {
        self.grid = grid
        self.compileGraph = compileGraph
        self.folder = folder
    }

    /// A cell's progress, judged by its folder.
    ///
    /// Throws ``/Files/FileError`` if the folder holds a run with other settings,
    /// ``/Runs/ConfigurationFileError`` if its `config.yaml` is unsound.
    public func state(of cell: AblationGrid.Cell) throws -> AblationResult.State {
        let run = RunFolder(existing: folder.appending(path: cell.name))
        guard FileManager.default.fileExists(atPath: run.configuration.path) else { return .pending }
        let found = try RunConfiguration(yamlFile: run.configuration)
        let wanted = try cell.configuration.completed()
        guard found == wanted else {
            throw FileError(
                .occupied, file: run.url.relativePath,
                reason: "it holds a run with other settings\(try found.difference(from: wanted).map { " (\($0))" } ?? "")",
                remedy: "choose another folder for the grid, or the settings that it started with")
        }
        return run.isFinished(cell.configuration) ? .finished : .interrupted
    }

    /// Trains the remaining cells, and writes the table after each.
    ///
    /// Before the first cell starts, every folder, data set and file of initial weights is checked.
    /// `isInterrupted` of the result tells whether `shouldStop` ended it. Throws what
    /// ``/Segmentation/TrainingData`` and ``Trainer`` throw.
    public func run(shouldStop: () -> Bool = { false }, report: (AblationProgress) -> Void = { _ in }) throws -> AblationResult {
        var states = try grid.cells.map { try state(of: $0) }
        var verified: Set<DataSettings> = []
        for (cell, state) in zip(grid.cells, states) where state != .finished && verified.insert(cell.configuration.data.source).inserted {
            let data = try TrainingData(cell.configuration)
            let findings = try data.verify()
            for note in data.notes + findings { report(.note(note)) }
        }
        try verifyInitialWeights(states)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for cell in grid.cells {
            // A process killed while saving leaves a half-written file. If the lock is free, nobody
            // is training.
            let run = RunFolder(existing: folder.appending(path: cell.name))
            if let lock = try? RunLock(run) { withExtendedLifetime(lock) { run.removeUnfinished() } }
        }
        var isInterrupted = false
        for (index, cell) in grid.cells.enumerated() where states[index] != .finished {
            if shouldStop() {
                isInterrupted = true
                break
            }
            report(.cell(cell, state: states[index], index: index, of: grid.cells.count))
            do {
                let outcome = try train(cell, goesOn: states[index] == .interrupted, shouldStop: shouldStop, report: report)
                states[index] = outcome == .interrupted ? .interrupted : .finished
                isInterrupted = outcome == .interrupted
            } catch let error as NonFiniteLoss {
                states[index] = .failed
                report(.failed(cell, error))
            } catch let error as NonFiniteWeights {
                states[index] = .failed
                report(.failed(cell, error))
            }
            try AblationResult(grid, in: folder, states: states).write(to: folder)
            if isInterrupted { break }
        }
        var result = try AblationResult(grid, in: folder, states: states)
        try result.write(to: folder)
        result.isInterrupted = isInterrupted
        return result
    }

    /// Throws for initial weights that cannot be read or fit none of the grid's networks, before
    /// any run starts.
    private func verifyInitialWeights(_ states: [AblationResult.State]) throws {
        var verified: Set<RunConfiguration> = []
        for (cell, state) in zip(grid.cells, states) where state == .pending && cell.configuration.initialWeights != nil {
            var beginning = RunConfiguration()
            beginning.data.imageSize = cell.configuration.data.imageSize
            (beginning.network, beginning.initialWeights) = (cell.configuration.network, cell.configuration.initialWeights)
            beginning.initialWeightsSet = cell.configuration.initialWeightsSet
            beginning.data.classes = cell.configuration.data.classes
            beginning.vmunet?.dropPath = 0
            if verified.insert(beginning).inserted { try Trainer.verifyInitialWeights(beginning) }
        }
    }

    private func train(
        _ cell: AblationGrid.Cell, goesOn: Bool, shouldStop: () -> Bool, report: (AblationProgress) -> Void
    ) throws -> Trainer.Outcome {
        let url = folder.appending(path: cell.name)
        let data = try TrainingData(cell.configuration)
        let trainer: Trainer
        if goesOn {
            trainer = try Trainer.resume(cell.configuration, in: url, data: data, compileGraph: compileGraph)
        } else {
            let begun = try Trainer.begin(cell.configuration, in: url, data: data, compileGraph: compileGraph)
            trainer = begun.trainer
            if let weights = begun.initialWeights {
                report(.note("initial weights: " + weights.summary))
                for text in weights.notes { report(.note("note: the initial weights: " + text)) }
            }
        }
        return try trainer.run(shouldStop: shouldStop) { report(.training($0)) }
    }
}

extension DataSettings {
    /// The settings that decide which files are read; size and augmentation do not.
    fileprivate var source: Self {
        var copy = self
        (copy.imageSize, copy.augment, copy.zoomJitter, copy.colorJitter) = (256, true, 0, 0)
        copy.augmentation = AugmentationSettings()
        return copy
    }
}
