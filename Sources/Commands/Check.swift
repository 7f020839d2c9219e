import ArgumentParser
import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Check: ToolCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Check every file of a data set and report its contents and problems.",
        discussion: """
            Looks at pairs, sizes, labels and their shares, grey and empty masks, orientations, intensities, pictures that show the same (also scaled, \
            compressed, mirrored or turned) and, with --groups, patients that are in several parts. Then prints the settings that suit the set and \
            this machine's CPU and free memory, with reasons; train --auto takes them. Exits with 0 if the set can be trained on and scored, otherwise \
            with 65 and a list of problems. Writes nothing.

            Examples:
              vmunet check pictures --dataset folder
              vmunet check Synapse --dataset synapse --json > found.json
            """)

    @Argument(help: "The data set's folder.")
    var data: String

    @Option(help: "The folder's layout. Default: recognised from its contents.")
    var dataset: Dataset?

    @Option(help: "Classes; 1 is foreground against background. Default: the layout's, or what the set's own files declare.")
    var classes: Int?

    @OptionGroup var files: DataOptions

    @OptionGroup var axis: SliceAxisOption

    @OptionGroup var groups: GroupOptions

    @Flag(help: "One JSON object on standard output.")
    var json = false

    @Option(help: "Threads that read files; as many as suit the machine if not given.")
    package var threads: Int?

    @OptionGroup package var telling: OutputOptions

    package init() {}

    package func validate() throws {
        if let classes { try Require.count(classes, "--classes", upTo: 256) }
        try Require.threads(threads)
    }

    package func run() throws {
        let dataset = try Dataset.chosen(dataset, for: data)
        var settings = DataSettings(dataset, path: data)
        if let classes { settings.classes = classes }
        if settings.classNames?.count != settings.classes || dataset.layout.namesItsClasses { settings.classNames = nil }
        settings.sliceAxis = axis.sliceAxis ?? 1
        settings.intensities = files.window == nil ? .normalized : .raw
        files.apply(to: &settings)
        groups.apply(to: &settings)
        let check = dataset.layout.check(settings, givenClasses: classes != nil)
        if json {
            try Console.json(check)
        } else {
            Console.out(check.description)
            if let advice = check.advice {
                let lines = ["settings that suit it and this machine (train --auto takes them):"] + advice.lines()
                Console.out(lines.joined(separator: "\n  "))
            }
        }
        guard !check.problems.isEmpty else { return Console.note("no problems found") }
        throw InputError(Self.list(check.problems, in: data))
    }

    /// The problems with their remedies, each remedy once.
    private static func list(_ problems: [DatasetCheck.Problem], in folder: String) -> String {
        var lines = problems.prefix(50).map { "  \(name($0.path, in: folder)): \($0.problem)" }
        if problems.count > 50 { lines.append("  … and \(problems.count - 50) more; --json lists all") }
        var remedies: [String] = []
        for problem in problems where !problem.remedy.isEmpty && !remedies.contains(problem.remedy) { remedies.append(problem.remedy) }
        return "\(folder): \(counted(problems.count, "problem")):\n"
            + (lines + remedies.prefix(5)).joined(separator: "\n")
    }

    private static func name(_ path: String, in folder: String) -> String {
        let root = URL(filePath: folder).path
        guard path.hasPrefix(root + "/") else { return path == root ? "." : path }
        return String(path.dropFirst(root.count + 1))
    }
}
