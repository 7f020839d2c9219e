import ArgumentParser
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Check: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Look at every file of a data set: what is there, and what is wrong with it.",
        discussion: """
            Pairs, sizes, labels, grey and empty masks, the way pictures lie, intensities. Ends with 0 where the set can be trained on and scored, and \
            with 65 and a list where it cannot. Nothing is written.
            """)

    @Argument(help: "The data set's folder.")
    var data: String

    @Option(help: "How the folder is laid out.")
    var dataset: Dataset

    @Option(help: "Classes; 1 is foreground against background. Without it the layout's, or what the set's own files say.")
    var classes: Int?

    @Option(help: "The label of pixels that nobody labelled.")
    var ignoredLabel: Int?

    @Option(help: "Where grey values of binary masks are cut, as a share of white.")
    var maskThreshold: Double?

    @Option(help: "Slices and volumes: normalized where files hold 0…1, raw where the window maps them.")
    var intensities: DataSettings.Intensities?

    @Option(parsing: .unconditional, help: "Slices and volumes: LOW,HIGH, minmax, percentiles or none, as of data.window.")
    var window: IntensityWindow?

    @Option(help: "Volumes: the axis of the arrays along which slices lie, 1 to 3; without it the first.")
    var sliceAxis: Int?

    @Flag(help: "One JSON object on standard output.")
    var json = false

    @OptionGroup var telling: OutputOptions

    package init() {}

    package func validate() throws {
        if let classes { try Require.count(classes, "--classes", upTo: 256) }
        if let ignoredLabel { try Require.count(ignoredLabel, "--ignored-label", from: 0, upTo: 255) }
        try Require.share(maskThreshold, "--mask-threshold")
        if let sliceAxis { try Require.count(sliceAxis, "--slice-axis", upTo: 3) }
    }

    package func run() throws {
        var settings = DataSettings(dataset, path: data)
        if let classes { settings.classes = classes }
        if settings.classNames?.count != settings.classes || dataset.layout.namesItsClasses { settings.classNames = nil }
        settings.ignoredLabel = ignoredLabel
        if let maskThreshold { settings.maskThreshold = maskThreshold }
        (settings.window, settings.sliceAxis) = (window, sliceAxis ?? 1)
        settings.intensities = intensities ?? (window == nil ? .normalized : .raw)
        let check = dataset.layout.check(settings, givenClasses: classes != nil)
        if json { try Console.json(check) } else { Console.out(check.description) }
        guard !check.problems.isEmpty else { return Console.note("nothing wrong was found") }
        throw InputError(Self.list(check.problems, in: data))
    }

    /// The problems, each once with its way out.
    private static func list(_ problems: [DatasetCheck.Problem], in folder: String) -> String {
        var lines = problems.prefix(50).map { "  \(name($0.path, in: folder)): \($0.problem)" }
        if problems.count > 50 { lines.append("  … and \(problems.count - 50) more; --json lists all") }
        var remedies: [String] = []
        for problem in problems where !problem.remedy.isEmpty && !remedies.contains(problem.remedy) { remedies.append(problem.remedy) }
        return "\(folder): \(problems.count == 1 ? "1 problem" : "\(problems.count) problems"):\n"
            + (lines + remedies.prefix(5)).joined(separator: "\n")
    }

    private static func name(_ path: String, in folder: String) -> String {
        let root = URL(filePath: folder).path
        guard path.hasPrefix(root + "/") else { return path == root ? "." : path }
        return String(path.dropFirst(root.count + 1))
    }
}
