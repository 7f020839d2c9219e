import Files
import Runs
import Segmentation

/// The charts of one run, and charts that overlay several runs.
enum ReportCurves {
    private typealias Record = TrainingEvent.EpochRecord

    /// Loss, scores and learning rate by epoch.
    static func of(_ run: ReportContent.Run) -> HTML {
        let epochs = run.epochs
        let mark = run.best.map { LineChart.Mark(x: Double($0.epoch), label: "best") }
        let loss = LineChart(
            title: "Loss", yLabel: "loss",
            series: [
                .init(name: "each step", color: 1, points: LineChart.averaged(run.steps, count: 400), isFaint: true),
                .init(name: "training", color: 1, points: points(epochs, \.trainLoss), note: kept(run, \.trainLoss)),
                .init(name: "validation", color: 2, points: points(epochs, \.validationLoss), note: kept(run, \.validationLoss)),
            ], mark: mark)
        let scores = LineChart(
            title: "Scores on the validation split", yLabel: "%",
            series: BinaryMetric.all.enumerated().map { i, metric in
                .init(
                    name: metric.title, color: i % 8 + 1, points: points(epochs) { $0.scores?[metric].map { 100 * $0 } },
                    note: percent(run.best?.scores?[metric]))
            }, yBounds: 0...100, mark: mark, format: { Figures.fixed($0, digits: 2) })
        return loss.html + scores.html + rate([run]).html
    }

    /// Losses, scores and learning rates of all runs.
    static func compared(_ runs: [ReportContent.Run]) -> HTML {
        func chart(_ title: String, _ label: String, percent: Bool = false, _ value: (Record) -> Double?) -> LineChart {
            var chart = LineChart(
                title: title, yLabel: label,
                series: runs.enumerated().map { i, run in
                    let kept = run.best.flatMap(value)
                    return .init(
                        name: run.name, color: i % 8 + 1, points: points(run.epochs, value),
                        note: kept.map { Figures.fixed($0, digits: percent ? 2 : 4) } ?? "")
                })
            if percent {
                chart.yBounds = 0...100
                chart.format = { Figures.fixed($0, digits: 2) }
            }
            return chart
        }
        return chart("Validation loss", "loss") { $0.validationLoss }.html
            + chart("Training loss", "loss") { $0.trainLoss }.html
            + chart("mIoU on the validation split", "mIoU %", percent: true) { $0.scores?.miou.map { 100 * $0 } }.html
            + chart("DSC on the validation split", "DSC %", percent: true) { $0.scores?.dsc.map { 100 * $0 } }.html
            + rate(runs).html
    }

    private static func rate(_ runs: [ReportContent.Run]) -> LineChart {
        LineChart(
            title: "Learning rate", yLabel: "learning rate",
            series: runs.enumerated().map { i, run in
                .init(name: runs.count > 1 ? run.name : "learning rate", color: i % 8 + 1, points: points(run.epochs, \.learningRate))
            }, yScale: .logarithmic)
    }

    private static func points(_ epochs: [Record], _ value: (Record) -> Double?) -> [LineChart.Point] {
        // Skip an epoch that was not evaluated; a value that is not a number breaks the line.
        epochs.compactMap { record in value(record).map { LineChart.Point(x: Double(record.epoch), y: $0) } }
    }

    /// The value at the epoch whose weights were kept, as in the tiles; the latest if none is.
    private static func kept(_ run: ReportContent.Run, _ value: (Record) -> Double?) -> String {
        (run.best.flatMap(value) ?? run.epochs.compactMap(value).last).map { Figures.fixed($0) } ?? ""
    }
}
