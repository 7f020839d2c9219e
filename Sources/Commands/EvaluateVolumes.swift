import ArgumentParser
import Foundation
import Segmentation

/// "1.5,0.8,0.8": millimetres between slices, rows and columns.
struct SpacingOption: ExpressibleByArgument {
    let spacing: VoxelSpacing
    init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map {
            Double($0.trimmingCharacters(in: .whitespaces))
        }
        guard numbers.count == 3, let d = numbers[0], let h = numbers[1], let w = numbers[2],
            [d, h, w].allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            return nil
        }
        spacing = VoxelSpacing(depth: d, height: h, width: w)
    }
}

extension Evaluate {
    /// Scores volumes: Dice and HD95, published and honest.
    func score(_ volumes: any VolumeDataset, _ segmenter: Segmenter) throws {
        let folder = predictions.map { URL(filePath: $0) }
        if let folder { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
        let evaluator = VolumeEvaluator(volumes, segmenter: VolumeSegmenter(segmenter, batchSize: batchSize), spacing: spacing?.spacing)
        let summary = try evaluator.evaluate { progress in
            Console.status(
                "scoring \(Console.bar(progress.share)) volume \(progress.volume + 1)/\(progress.volumes), slice \(progress.slice)/\(progress.slices)"
            )
        } keep: { volume, prediction in
            if let folder {
                try prediction.write(
                    to: folder.appending(path: volume.name + ".nii.gz"), geometry: (spacing?.spacing ?? .voxels).geometry)
            }
        }
        Console.status("")
        if let folder { Console.note("\(summary.volumes.count) label volumes in \(folder.relativePath)") }
        if let json, json != "-" { try write(summary, to: URL(filePath: json)) }
        if json == "-" { try Console.json(summary) } else { print(Self.table(summary)) }
    }

    /// A line for each class, below them the mean: Table II turned on its side.
    static func table(_ summary: VolumeScoreSummary) -> String {
        let width = max(16, (summary.honest.classes.map(\.name.count).max() ?? 0) + 6)
        func row(_ name: String, _ columns: [String]) -> String {
            name.padding(toLength: width, withPad: " ", startingAt: 0)
                + columns.map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
        }
        func distance(_ value: Double?) -> String { value.map { String(format: "%.2f", $0) } ?? "–" }
        let unit = summary.volumes.first?.unit == .millimetres ? "mm" : "voxels"
        var lines = [
            row("", ["published", "", "honest", "", "", "spurious", ""]),
            row("", ["DSC%", "HD95", "DSC%", "HD95", "missed", "", "absent"]),
        ]
        for (published, honest) in zip(summary.published.classes, summary.honest.classes) {
            lines.append(
                row(
                    "\(honest.value) \(honest.name)",
                    [
                        Console.percent(published.dice), distance(published.hd95), Console.percent(honest.dice), distance(honest.hd95),
                        "\(honest.missed)", "\(honest.predictedOnly)", "\(honest.absent)",
                    ]))
        }
        let (published, honest) = (summary.published, summary.honest)
        lines.append(
            row(
                "mean",
                [
                    Console.percent(published.dice), distance(published.hd95), Console.percent(honest.dice), distance(honest.hd95),
                    "\(honest.classes.reduce(0) { $0 + $1.missed })", "\(honest.classes.reduce(0) { $0 + $1.predictedOnly })",
                    "\(honest.absent)",
                ]))
        lines.append(
            """
            \(summary.volumes.count) volumes, HD95 in \(unit). published: as the paper's code scores, a class predicted where there is none counts as Dice 1 and \
            HD95 0.
            honest: that is Dice 0, absent classes are left out, and HD95 is the mean where it is finite (\(honest.infinite) are infinite: missed or spurious).
            """)
        return lines.joined(separator: "\n")
    }
}
