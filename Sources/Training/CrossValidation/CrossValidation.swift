import Foundation
import Runs
import Segmentation

/// Trains a network on each fold's complement and scores it on the fold: every picture is
/// predicted once by weights that have not seen it.
///
/// The runs' folders are named by fold, and `crossvalidation.md` and `crossvalidation.json` beside
/// them hold the scores. An interrupted cross-validation continues, bit for bit as if it had
/// never stopped.
public struct CrossValidation: Sendable {
    /// A run for each fold.
    public let grid: AblationGrid
    /// Holds the runs' folders and the results.
    public let folder: URL
    private let runs: ScoredGrid

    /// Divides the base's set into folds. `compileGraph` as for ``Trainer``.
    ///
    /// Throws ``/Runs/ConfigurationFileError`` if the base cannot be divided.
    public init(_ base: RunConfiguration, folds: Int, in folder: URL, compileGraph: Bool = false) throws {
        var base = base
        (base.data.folds, base.data.fold) = (folds, 0)
        self.folder = folder
        grid = try AblationGrid(
            title: "\(folds)-fold cross-validation on \(base.data.dataset.rawValue)", base: base,
            axes: [.init("fold", (0..<folds).map { .init("\($0)", [.init("data.fold", "\($0)")]) })], path: "crossvalidate")
        runs = ScoredGrid(grid, in: folder, compileGraph: compileGraph)
    }

    /// Each fold's progress. Throws as ``AblationRunner/state(of:)`` does.
    public func states() throws -> [AblationResult.State] { try runs.states() }

    /// The best weights of each finished fold.
    public func weights() throws -> [URL] {
        try zip(grid.cells, states()).filter { $1 == .finished }.map { runs.run($0.0).best }
    }

    /// Trains and scores the remaining folds. `isInterrupted` of the result tells whether
    /// `shouldStop` ended it.
    ///
    /// Throws what ``AblationRunner/run(shouldStop:report:)`` and the evaluators throw.
    public func run(
        shouldStop: () -> Bool = { false }, report: (ScoredGridProgress) -> Void = { _ in }
    ) throws -> CrossValidationResult {
        let isInterrupted = try runs.run(shouldStop: shouldStop, report: report)
        var result = try CrossValidationResult(grid, in: runs, states: states())
        try result.write(to: folder)
        result.isInterrupted = isInterrupted
        return result
    }

    /// Predicts every fold's pictures or volumes with the fold's own best weights, into
    /// `out-of-fold` beside the runs, under their names in the set: masks as `predict` writes them,
    /// label volumes as NIfTI. Folds that were written already with the same weights are skipped.
    ///
    /// - Returns: the number of files of the folds that are done.
    @discardableResult
    public func predictOutOfFold(shouldStop: () -> Bool = { false }, progress: (_ share: Double) -> Void = { _ in }) throws -> Int {
        let output = folder.appending(path: "out-of-fold")
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        var count = 0
        for (index, cell) in grid.cells.enumerated() where ComparisonScores.saved(in: runs.run(cell)) != nil && !shouldStop() {
            let fold = OutOfFold(cell, in: runs.run(cell), output: output)
            count += try fold.write(shouldStop: shouldStop) { progress((Double(index) + $0) / Double(grid.cells.count)) }
        }
        return count
    }
}
