import Files
import Foundation
import Runs
import Segmentation

extension NetworkComparison {
    /// The tables as Markdown: scores and their deviations over seeds in percent, distances as they
    /// are.
    public var markdown: String {
        var lines = ["# \(title)", ""]
        let titles = columns.map(Self.title)
        let isInPaper = rows.contains { paperFigures($0.network) != nil }
        let paper = !isInPaper ? [] : isOfVolumes ? ["paper's DSC%", "paper's HD95"] : ["paper's mIoU%", "paper's DSC%"]
        let header = ["network", "parameters", "multiply-adds", "epochs", "minutes", "memory"] + titles + paper + ["seeds"]
        lines += [Self.line(header), Self.line(header.map { $0 == "network" ? "---" : "---:" })]
        for row in rows {
            let figures = paperFigures(row.network)
            let seeds = row.missing > 0 ? "\(row.seeds.count), \(row.missing) not done" : "\(row.seeds.count)"
            var cells = [row.network, Self.scaled(row.parameters, 1e6, "M"), Self.scaled(row.multiplyAdds, 1e9, "G"), "\(row.epochs)"]
            cells.append(row.minutes.map { Self.text($0, 1) } ?? "–")
            cells.append(row.peakMemory.map { Self.scaled($0, 1e9, "GB") } ?? "–")
            for name in columns { cells.append(row.scores[name].map { Self.text($0, name == VolumeMetric.hd95.name ? 1 : 100) } ?? "–") }
            if !paper.isEmpty { cells += figures?.map { String(format: "%.2f", $0) } ?? ["–", "–"] }
            lines.append(Self.line(cells + [seeds]))
        }
        lines += [
            "",
            "Means over seeds ± their standard deviation. Multiply-adds are those of convolutions, products and scans for one picture;"
                + " minutes and memory are of one run's training, validation included.",
        ]
        if !paper.isEmpty {
            lines += [
                "",
                "The paper trained longer, on larger pictures, partly from pretrained weights, and networks of their published sizes: its figures stand here for orientation.",
            ]
        }
        if !pairs.isEmpty {
            let unit = isOfVolumes ? "volumes" : "pictures"
            let correction = pairs.count > 1 ? "p has Holm's correction for \(pairs.count) pairs, and a" : "A"
            // A bootstrap over so few takes its intervals from a handful of values, and they come out
            // too narrow: four pictures that agree would give p = 0.0002.
            let areFew = count < Self.fewest
            lines += ["", "## Which differences are real", ""]
            lines += [
                "Differences in DSC, each network's mean over its seeds, tested by a paired bootstrap over \(counted(count, isOfVolumes ? "volume" : "picture")) (10 000 draws, the same for"
                    + " all networks). The interval holds 95 % of the draws. \(correction) difference with p < 0.05"
                    + " is called real. It says whether other \(unit) of this kind would agree, not whether other seeds would.", "",
            ]
            if areFew {
                lines += [
                    "\(count) \(count == 1 ? "is" : "are") too few to tell: intervals and p come out too small, and nothing is called real below"
                        + " \(Self.fewest) \(unit). Compare on more.", "",
                ]
            }
            lines += [Self.line(["pair", "difference", "interval", "p", ""]), Self.line(["---", "---:", "---:", "---:", "---"])]
            for pair in pairs.sorted(by: { abs($0.difference.difference) > abs($1.difference.difference) }) {
                let d = pair.difference
                let (better, worse, sign) = d.difference >= 0 ? (pair.a, pair.b, 1.0) : (pair.b, pair.a, -1.0)
                let ends = [sign * d.low, sign * d.high].sorted()
                var cells = ["\(better) over \(worse)", String(format: "%.2f", 100 * abs(d.difference))]
                cells.append(String(format: "%.2f … %.2f", 100 * ends[0], 100 * ends[1]))
                cells.append(String(format: d.adjusted < 0.001 ? "%.4f" : "%.3f", d.adjusted))
                lines.append(Self.line(cells + [areFew ? "too few \(unit)" : d.isReal ? "real" : "not distinguishable"]))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The fewest pictures or volumes from which a difference may be called real.
    static let fewest = 20

    /// The paper's mIoU and DSC, or DSC and HD95; nil for another set's classes in Synapse's layout.
    private func paperFigures(_ network: String) -> [Double]? {
        let classes = Set((dataset.layout.defaults.classNames ?? []).dropFirst().map { Self.classPrefix + $0 })
        if isOfVolumes, classes != Set(columns.filter { $0.hasPrefix(Self.classPrefix) }) { return nil }
        if isOfVolumes { return PaperComparison.volumes(network, on: dataset).map { [$0.dice, $0.hd95] } }
        return PaperComparison.pictures(network, on: dataset).map { Array($0.prefix(2)) }
    }

    static func title(_ column: String) -> String {
        if let metric = BinaryMetric.all.first(where: { $0.name == column }) { return metric.title + "%" }
        if column == VolumeMetric.hd95.name { return VolumeMetric.hd95.title }
        return column == VolumeMetric.dice.name ? VolumeMetric.dice.title + "%" : column.replacing("dice of ", with: "") + "%"
    }

    static func text(_ value: Spread, _ unit: Double) -> String {
        String(format: "%.2f", value.mean * unit) + (value.deviation.map { String(format: " ± %.2f", $0 * unit) } ?? "")
    }

    private static func scaled(_ value: Int, _ unit: Double, _ name: String) -> String {
        String(format: "%.2f ", Double(value) / unit) + name
    }

    static func line(_ cells: [String]) -> String {
        "| " + cells.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") }.joined(separator: " | ") + " |"
    }
}
