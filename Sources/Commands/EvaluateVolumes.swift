import ArgumentParser
import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Evaluate {
    /// Scores volumes: Dice and HD95, published and strict.
    func score(_ volumes: any VolumeDataset, _ segmenter: Segmenter, _ digest: WeightsDigest, _ shares: ScoreShares?) throws {
        let folder = predictions.map { URL(filePath: $0) }
        if let folder { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
        let provenance = "vmunet \(Provenance.version), weights sha256 \(digest.value.prefix(32))"
        var stored: ClosedRange<Float>?
        var doubts = CaseNotes()
        let evaluator = VolumeEvaluator(
            volumes, segmenter: VolumeSegmenter(segmenter, batchSize: input.batchSize), spacing: spacing,
            metrics: VolumeMetric.all + (tolerance.map { [.normalizedSurfaceDice(tolerance: $0)] } ?? []))
        let bar = WorkBar("scoring")
        let scored = try evaluator.part(shares?.shard ?? .whole) { progress in
            bar.show(
                progress.share, "volume \(progress.volume + 1)/\(progress.volumes), slice \(progress.slice)/\(progress.slices)")
        } keep: { volume, prediction in
            doubts.add(volume.doubts, of: volume.name)
            if let least = volume.image.min(), let greatest = volume.image.max() {
                stored = min(least, stored?.lowerBound ?? least)...max(greatest, stored?.upperBound ?? greatest)
            }
            if let folder {
                let geometry = volume.channels.first?.geometry ?? (spacing ?? .voxels).geometry
                try prediction.write(to: folder.appending(path: volume.name + ".nii.gz"), geometry: geometry, description: provenance)
            }
        }
        Console.status("")
        if let stored, let problem = SliceFindings.intensityProblem(stored, isMapped: files.intensities == .raw || files.window != nil) {
            Console.note("note: " + problem)
        }
        for doubt in doubts.lines(atMost: CaseNotes.mostTold) { Console.note("note: " + doubt) }
        if let folder { Console.note("\(counted(scored.count, "label volume")) in \(folder.relativePath)") }
        try join(scored, shares) { parts in
            let summary = try VolumeScoreSummary(parts.flatMap(\.self).sorted { $0.place < $1.place }.map(\.scores))
            try deliver(summary, csv: summary.csv, table: Self.table(summary))
        }
    }

    /// A line for each class, then the mean: Table II transposed.
    static func table(_ summary: VolumeScoreSummary) -> String {
        let width = max(16, (summary.strict.classes.map(\.name.count).max() ?? 0) + 6)
        func row(_ name: String, _ columns: [String]) -> String {
            name.padded(to: width)
                + columns.map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
        }
        func text(_ metric: VolumeMetric, _ value: Double?) -> String {
            metric.unit == .share ? percent(value) : value.map { fixedPoint($0, digits: 2) } ?? "–"
        }
        func titles(_ metrics: [VolumeMetric]) -> [String] { metrics.map { $0.title + ($0.unit == .share ? "%" : "") } }
        func heads(_ name: String, _ metrics: [VolumeMetric]) -> [String] { [name] + metrics.dropFirst().map { _ in "" } }
        let unit = summary.volumes.first?.unit == .millimetres ? "mm" : "voxels"
        let (published, strict) = (summary.published, summary.strict)
        var lines = [
            row("", heads("published", published.metrics) + heads("strict", strict.metrics) + ["", "spurious", ""]),
            row("", titles(published.metrics) + titles(strict.metrics) + ["missed", "", "absent"]),
        ]
        for (a, b) in zip(published.classes, strict.classes) {
            lines.append(
                row(
                    "\(b.value) \(b.name)",
                    a.metrics.map { text($0, a.means[$0]) } + b.metrics.map { text($0, b.means[$0]) }
                        + ["\(b.missed)", "\(b.predictedOnly)", "\(b.absent)"]))
        }
        let (missed, spurious) = (strict.classes.reduce(0) { $0 + $1.missed }, strict.classes.reduce(0) { $0 + $1.predictedOnly })
        lines.append(
            row(
                "mean",
                published.metrics.map { text($0, published.means[$0]) } + strict.metrics.map { text($0, strict.means[$0]) }
                    + ["\(missed)", "\(spurious)", "\(strict.absent)"]))
        lines.append(
            """
            \(counted(summary.volumes.count, "volume")), HD95 in \(unit). published: the paper's scoring, where a class predicted but absent counts as Dice 1 and \
            HD95 0.
            strict: such a class counts as Dice 0, absent classes are left out, and HD95 is the mean of finite values (\(strict.infinite) \(strict.infinite == 1 ? "is" : "are") infinite: missed or spurious).
            """)
        return lines.joined(separator: "\n")
    }
}
