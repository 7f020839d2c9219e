import Files
import Segmentation

/// Charts of how far the network's own probabilities can be trusted.
enum ReportTrust {
    /// The reliability diagram, and each picture's expected error beside its real one.
    static func charts(_ run: ReportContent.Run) -> HTML {
        guard let evaluation = run.evaluation else { return "" }
        return reliability(evaluation) + doubt(evaluation)
    }

    private static func reliability(_ evaluation: ReportContent.Evaluation) -> HTML {
        guard let calibration = evaluation.calibration else { return "" }
        let isBinary = evaluation.classes.isEmpty
        let bars = calibration.bins.compactMap { bin in
            bin.share.map { share in
                DiagonalChart.Bar(
                    from: bin.from, to: bin.to, outcome: share,
                    told: "says \(percent(bin.probability)) %, is \(percent(share)) %, \(counted(bin.pixels, "pixel"))")
            }
        }
        return DiagonalChart(
            title: "Reliability of the probabilities",
            xLabel: isBinary ? "probability of the foreground %" : "probability of the class found %",
            yLabel: isBinary ? "is foreground %" : "is right %",
            legend: [
                "expected calibration error \(percent(calibration.expectedError)) %", "Brier score \(Figures.fixed(calibration.brier))",
                "at the dashes: as often as it says",
            ], bars: bars
        ).html
    }

    private static func doubt(_ evaluation: ReportContent.Evaluation) -> HTML {
        let dots = evaluation.doubts.map { item in
            DiagonalChart.Dot(
                promise: item.expected, outcome: item.error,
                told: "\(item.name): expected \(percent(item.expected)) %, is \(percent(item.error)) %")
        }
        guard !dots.isEmpty else { return "" }
        let power = evaluation.rankings.first { $0.number == "expected_error" }.map {
            "finds the worst tenth (\(counted($0.worst, "picture"))): AUROC \(Figures.fixed($0.auroc, digits: 3)), by chance 0.5"
        }
        return DiagonalChart(
            title: "Does the network know which pictures it gets wrong?", xLabel: "Dice error that it expects %", yLabel: "Dice error %",
            legend: power.map { [$0] } ?? [], dots: dots
        ).html
    }
}
