import ArgumentParser
import Commands
import Foundation
import Report

package struct ReportCommand: ToolCommand {
    package static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a self-contained HTML page about a training run, or a comparison of several.",
        discussion: """
            Has curves of losses, scores and learning rate, the score table (for volumes also those of the held-back cases), the best, median, worst and most doubtful validation pictures with truth and \
            prediction outlined, the reliability of the probabilities, settings and machine. The page needs no network and no script. Pictures are numbered rather than named, unless the set is \
            a published one or --names is given; folders' paths are never shown. Look at a page before you pass it on: it contains pictures of your data.

            Examples:
              vmunet report runs/first
              vmunet report runs/first runs/second --output both.html
              vmunet report runs/first --json > scores.json
            """)

    @Argument(help: "Folders of runs, as train writes them.")
    var runs: [String]

    @Option(name: .shortAndLong, help: "The page's file. Default: report.html in the run's folder, or here for several runs.")
    var output: String?

    @Option(help: "The data set's folder. Default: the one in the run's config.yaml.")
    var data: String?

    @Option(help: "The number of pictures to show of the best, the median and the worst.")
    var examples = 3

    @Flag(inversion: .prefixedNo, help: "Show the pictures' file names.")
    var names: Bool?

    @Flag(help: "Do not run the network: no pictures, and only the scores recorded in training.")
    var curvesOnly = false

    @Flag(help: "Print the page's path and the runs' scores as one JSON object on standard output.")
    var json = false

    @OptionGroup var compute: ComputeOptions

    @OptionGroup package var telling: OutputOptions

    package var computing: ComputeOptions? { compute }

    package init() {}

    package func validate() throws {
        guard (1...50).contains(examples) else { throw ValidationError("--examples: expected 1 to 50, got \(examples)") }
    }

    package func run() throws {
        var options = RunReport.Options()
        (options.data, options.showsNames, options.examples, options.runsNetwork) = (data, names, examples, !curvesOnly)
        options.compute = compute.compute
        let folders = runs.map { URL(filePath: $0) }
        let page =
            output.map { URL(filePath: $0) }
            ?? (folders.count == 1 ? folders[0].appending(path: "report.html") : URL(filePath: "report.html"))
        if let output { try requirePage(output) }
        var bars: [String: WorkBar] = [:]
        let reported = try RunReport(options, networks: Backend.current.networks).write(folders, to: page) { progress in
            switch progress {
            case .scoring(let run, let done, let count):
                let bar = bars[run] ?? WorkBar("scoring")
                bars[run] = bar
                bar.show(done, of: count, run)
            case .weights(let run, let origin, let notes):
                Console.note("\(run): weights of \(origin ?? "a set that they do not name")")
                for text in notes { Console.note("note: \(run): \(text)") }
            case .skipped(let run, let reason):
                Console.note("\(run): \(reason)")
            }
        }
        Console.note("report in \(page.relativePath)\n\(page.absoluteURL.absoluteString)")
        if json { try Console.json(Result(page: page.relativePath, runs: reported)) }
    }

    /// Throws unless the page can be written and replaces nothing but a page.
    private func requirePage(_ output: String) throws {
        try Require.writable(output, "--output")
        let url = URL(filePath: output).resolvingSymlinksInPath()
        guard !FileManager.default.fileExists(atPath: url.path) || ["html", "htm"].contains(url.pathExtension.lowercased()) else {
            throw InputError("\(output): exists already, and is no page (.html); choose another --output")
        }
    }

    /// The output of `--json`.
    private struct Result: Encodable {
        let page: String
        let runs: [ReportedRun]
    }
}
