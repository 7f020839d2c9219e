/// The fields and lines of a CSV table for spreadsheets.
enum CSVText {
    /// Quoted if necessary; a name that a spreadsheet would take for a formula gets an apostrophe.
    static func field(_ text: String) -> String {
        let safe = text.first.map { "=+-@\t\r".contains($0) } == true ? "'" + text : text
        guard safe.contains(where: { ",\"\n\r".contains($0) }) else { return safe }
        return "\"" + safe.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }

    /// To six digits after the point; empty if undefined.
    static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "" }
        return "\((value * 1e6).rounded() / 1e6)"
    }

    /// The heading and the rows, each a line of fields.
    static func table(_ head: [String], _ rows: [[String]]) -> String {
        ([head] + rows).map { $0.joined(separator: ",") }.joined(separator: "\n") + "\n"
    }
}

extension EvaluationResult {
    /// A CSV table with a line for each picture and scored class: pixel counts and scores.
    public var csv: String {
        var rows: [[String]] = []
        for image in images {
            for (index, counts) in image.counts.enumerated() {
                let (scores, label) = (BinaryScores(counts), index + 1)
                let name = classes.map { $0[label].name ?? "class \(label)" } ?? "foreground"
                var row = [CSVText.field(image.name), String(label), CSVText.field(name)]
                row += [counts.truePositives, counts.falsePositives, counts.falseNegatives, counts.trueNegatives].map { String($0) }
                row += BinaryMetric.all.map { CSVText.number(scores[$0]) }
                if let doubt = image.doubt { row += Doubt.numbers.map { CSVText.number($0.value(doubt)) } }
                rows.append(row)
            }
        }
        let doubts = images.contains { $0.doubt != nil } ? Doubt.numbers.map(\.name) : []
        return CSVText.table(["name", "label", "class", "tp", "fp", "fn", "tn"] + BinaryMetric.all.map(\.name) + doubts, rows)
    }
}

extension VolumeScoreSummary {
    /// A CSV table with a line for each volume and class: voxel counts and strict scores. Distances
    /// are in the volume's unit.
    public var csv: String {
        let metrics = strict.metrics
        var rows: [[String]] = []
        for volume in volumes {
            for score in volume.classes {
                var row = [CSVText.field(volume.name), String(score.value), CSVText.field(score.name)]
                row += [score.predicted, score.labelled, score.both].map { String($0) }
                row += [score.presence.rawValue, volume.unit.rawValue]
                row += metrics.map { CSVText.number(score[$0]) }
                rows.append(row)
            }
        }
        return CSVText.table(
            ["name", "label", "class", "predicted", "labelled", "both", "presence", "unit"] + metrics.map(\.name), rows)
    }
}
