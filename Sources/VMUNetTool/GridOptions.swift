import ArgumentParser
import Commands
import Files
import Foundation
import Runs
import Training

/// The options of commands that train several runs and print tables.
struct GridOptions: ParsableArguments {
    @Option(help: "The folder for the runs and the tables.")
    var runs: String

    @Flag(help: "Only list the runs and their progress.")
    var dryRun = false

    @Flag(help: "Print the result as one JSON object on standard output instead of the tables.")
    var json = false

    /// The runs' folder.
    var folder: URL { URL(filePath: runs) }

    func validate() throws { try Require.oneProcess() }

    /// Notes the title and the progress of a grid; lists its runs if nothing else is wanted.
    func announce(_ grid: AblationGrid, _ states: [AblationResult.State]) {
        let done = states.count { $0 == .finished }
        Console.note("\(grid.title): \(counted(grid.cells.count, "run")), \(done) of them trained, in \(folder.relativePath)")
        guard dryRun else { return }
        for (cell, state) in zip(grid.cells, states) { Console.note("  \(cell.name): \(state.rawValue)") }
    }

    /// Prints a result, and exits with the code of an interrupted or a failed one.
    func finish(_ result: some Encodable, markdown: String, isInterrupted: Bool, hasFailed: Bool) throws {
        if json { try Console.json(result) } else { Console.out(markdown.trimmingCharacters(in: .newlines)) }
        if isInterrupted {
            Console.note("stopped and saved; the same command continues")
            throw ExitCode(ExitStatus.interrupted)
        }
        if hasFailed { throw ExitCode(ExitStatus.internalError) }
    }
}

extension TrainingDisplay {
    /// Shows the progress of a grid's training.
    func show(_ progress: AblationProgress) {
        switch progress {
        case .cell(let cell, let state, let index, let count):
            Console.note("\(index + 1)/\(count) \(cell.name)" + (state == .interrupted ? ", continuing" : ""))
        case .note(let text): Console.note(text)
        case .training(let report): show(report)
        case .failed(let cell, let error): Console.note("\(cell.name) failed: \(error)")
        }
    }

    /// Shows the progress of a grid's training and scoring.
    func show(_ progress: ScoredGridProgress) {
        switch progress {
        case .training(let report): show(report)
        case .scoring(let run, let share): Console.status("scoring \(run) \(Console.bar(share))")
        }
    }
}
