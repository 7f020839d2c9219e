import Files
import Foundation
import Imaging

/// A report as one self-contained page: no scripts, no network requests, readable without its
/// style.
struct ReportPage {
    let content: ReportContent

    var html: String {
        let runs = content.runs
        let title = runs.count == 1 ? runs[0].name : "\(runs.count) runs compared"
        let page: HTML = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <title>\(title) – VM-UNet report</title>
            <style>\(ReportStyle.css)</style>
            </head>
            <body>
            <header><h1>\(title)</h1>\(subtitle)<p class="notice">Research software, not a medical device. Made \(content.date).</p></header>
            <main>
            \(runs.count == 1 ? headline(runs[0]) : "")
            <section><h2>Scores</h2>\(ReportTables.scores(content))</section>
            \(ReportTables.volumes(content))\
            \(runs.count > 1 ? comparison : "")
            \(HTML.each(runs, section))
            <section><h2>Settings</h2>\(ReportTables.settings(runs))</section>
            <section><h2>Machine</h2>\(ReportTables.machines(runs))</section>
            </main>
            <footer><p>VM-UNet: Vision Mamba UNet for medical image segmentation. Research software, not a medical device.</p></footer>
            </body>
            </html>

            """
        return page.text
    }

    private var subtitle: HTML {
        guard content.runs.count > 1 else { return "<p>\(content.runs[0].summary)</p>" }
        let items = HTML.each(content.runs.enumerated()) { i, run in
            "<li><span class=\"key c\(i % 8 + 1)\"></span><b>\(run.name)</b> \(run.summary)</li>"
        }
        return "<ul class=\"runs\">\(items)</ul>"
    }

    // MARK: - One run

    private func headline(_ run: ReportContent.Run) -> HTML {
        func tile(_ name: String, _ value: String, _ more: String = "") -> HTML {
            "<div class=\"tile\"><span>\(name)</span><b>\(value)</b><small>\(more)</small></div>"
        }
        let done = run.epochs.last?.epoch ?? 0
        let scores = run.evaluation?.pooled ?? run.best?.scores
        return """
            <div class="tiles">\
            \(tile("mIoU", percent(scores?.miou), "%, pooled"))\
            \(tile("DSC", percent(scores?.dsc), "%, pooled"))\
            \(tile("best epoch", run.best.map { "\($0.epoch)" } ?? "–", run.plannedEpochs.map { "of \($0), \(done) done" } ?? "\(done) done"))\
            \(tile("validation loss", Figures.fixed(run.best?.validationLoss), "at the best epoch"))\
            \(tile("parameters", run.parameters.map { Figures.short(Double($0) / 1e6) + " M" } ?? "–", run.parameters.map(grouped) ?? ""))\
            \(tile("training time", Figures.duration(run.trainingSeconds), run.epochs.isEmpty ? "" : Figures.duration(run.trainingSeconds / Double(run.epochs.count)) + " an epoch"))\
            </div>
            """
    }

    private func section(_ run: ReportContent.Run) -> HTML {
        let heading: HTML = content.runs.count == 1 ? "<h2>Curves</h2>" : "<h2>\(run.name)</h2><p class=\"muted\">\(run.summary)</p>"
        let notes = HTML.each(run.notes) { "<p class=\"muted\">\($0)</p>" }
        return """
            <section>\(heading)<div class="charts">\(ReportCurves.of(run))\(histogram(run))\(classBars(run))\(ReportTrust.charts(run))</div></section>
            <section>\(run.examples.isEmpty && notes.isEmpty ? "" : pictures(run, notes))\(ReportTables.epochs(run))</section>

            """
    }

    private func histogram(_ run: ReportContent.Run) -> HTML {
        guard let scores = run.evaluation?.pictureScores.compactMap(\.self), !scores.isEmpty else { return "" }
        return Histogram(title: "IoU of each picture of the validation split", xLabel: "IoU %", values: scores).html
    }

    private func classBars(_ run: ReportContent.Run) -> HTML {
        guard content.runs.count == 1, let classes = run.evaluation?.classes, !classes.isEmpty else { return "" }
        return BarChart(
            title: "Classes, pooled over the validation split", names: ["DSC", "IoU"],
            groups: classes.map { .init(name: $0.name, values: [$0.scores.dsc, $0.scores.miou]) }
        ).html
    }

    private func pictures(_ run: ReportContent.Run, _ notes: HTML) -> HTML {
        let title = content.runs.count == 1 ? "Pictures of the validation split" : "Pictures: \(run.name)"
        var out: HTML = "<h2>\(title)</h2>\(notes)"
        guard !run.examples.isEmpty else { return out }
        out += Self.pictureKey(run.evaluation)
        for rank in ["best", "median", "worst", "most doubtful"] {
            let chosen = run.examples.filter { $0.rank == rank }
            guard !chosen.isEmpty else { continue }
            let cards = HTML.each(chosen) { example in
                let tiles = HTML.each(example.tiles) { "<div>\(Self.image($0, of: example.name))</div>" }
                return """
                    <figure class="card example"><div class="pair">\(tiles)</div>\
                    <figcaption><b>\(example.name)</b> IoU \(percent(example.scores.miou)) · DSC \(percent(example.scores.dsc))</figcaption></figure>
                    """
            }
            out += "<h3>\(rank.prefix(1).uppercased() + rank.dropFirst())</h3><div class=\"examples\">\(cards)</div>\n"
        }
        return out
    }

    /// The legend of the outlines' colours.
    private static func pictureKey(_ evaluation: ReportContent.Evaluation?) -> HTML {
        guard let classes = evaluation?.classes, !classes.isEmpty else {
            return """
                <ul class="legend"><li><span class="key truth"></span>truth</li><li><span class="key found"></span>prediction</li></ul>
                """
        }
        let items = HTML.each(classes.enumerated()) { i, item in
            let color = LabelColors.color(of: i + 1) ?? (0, 0, 0)
            let style = "background:rgb(\(color.red),\(color.green),\(color.blue))"
            return "<li><span class=\"key\" style=\"\(style)\"></span>\(item.name)</li>"
        }
        return "<ul class=\"legend\">\(items)</ul>"
    }

    static func image(_ tile: ReportContent.Tile, of name: String) -> HTML {
        let label: HTML = tile.caption.isEmpty ? "" : "<span>\(tile.caption)</span>"
        return "<img src=\"data:image/jpeg;base64,\(Data(tile.jpeg).base64EncodedString())\" alt=\"\(name) \(tile.caption)\"/>\(label)"
    }

    // MARK: - Several runs

    private var comparison: HTML {
        var out: HTML =
            "<section><h2>Curves</h2><div class=\"charts\">\(ReportCurves.compared(content.runs))\(comparedBars)</div></section>\n"
        if let grid = content.comparison, !grid.rows.isEmpty {
            let head = HTML.each(grid.columns) { "<th scope=\"col\">\($0)</th>" }
            let rows = HTML.each(grid.rows) { row in
                "<tr><th scope=\"row\">\(row.label)</th>\(HTML.each(row.tiles) { "<td>\(Self.image($0, of: row.label))</td>" })</tr>\n"
            }
            out += """
                <section><h2>Visual comparison</h2>\(Self.pictureKey(content.runs.lazy.compactMap(\.evaluation).first))
                <div class="scroll"><table class="grid4"><thead><tr><th></th>\(head)</tr></thead><tbody>
                \(rows)</tbody></table></div></section>

                """
        }
        return out
    }

    private var comparedBars: HTML {
        let known = content.runs.filter { !($0.evaluation?.classes ?? []).isEmpty }
        guard let first = known.first?.evaluation?.classes else { return "" }
        let groups = first.enumerated().map { i, item in
            BarChart.Group(
                name: item.name,
                values: content.runs.map { run in
                    guard let classes = run.evaluation?.classes, i < classes.count, classes[i].name == item.name else { return nil }
                    return classes[i].scores.dsc
                })
        }
        return BarChart(title: "DSC of each class", names: content.runs.map(\.name), groups: groups).html
    }
}
