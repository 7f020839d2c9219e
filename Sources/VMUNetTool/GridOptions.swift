import ArgumentParser
import Commands
import Foundation

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
