import Files
import Foundation
import Segmentation

/// The tables of a report.
enum ReportTables {
    private static let columns = BinaryMetric.all.map { $0.title + "%" }

    private static func cells(_ scores: BinaryScores?) -> HTML {
        HTML.each(BinaryMetric.all) { "<td>\(percent(scores?[$0]))</td>" }
    }

    // MARK: - Scores

    /// The paper's columns: each run pooled and by picture, then the paper's own results.
    static func scores(_ content: ReportContent) -> HTML {
        var rows: HTML = ""
        for run in content.runs {
            let name = content.runs.count > 1 ? run.name + ", " : ""
            let epoch = run.best.map { ", epoch \($0.epoch)" } ?? ""
            if let evaluation = run.evaluation {
                rows += "<tr><th scope=\"row\">\(name)pooled over all pixels\(epoch)</th>\(cells(evaluation.pooled))</tr>\n"
                rows +=
                    "<tr><th scope=\"row\">\(name)mean over \(counted(evaluation.pictures, "picture"))\(epoch)</th>\(cells(evaluation.perImageMean))</tr>\n"
                for item in evaluation.classes {
                    rows += "<tr class=\"part\"><th scope=\"row\">\(item.name)</th>\(cells(item.scores))</tr>\n"
                }
            } else {
                rows += "<tr><th scope=\"row\">\(name)pooled over all pixels\(epoch)</th>\(cells(run.best?.scores))</tr>\n"
                rows +=
                    "<tr><th scope=\"row\">\(name)mean over pictures</th><td colspan=\"\(columns.count)\">not measured; the network was not run on the data</td></tr>\n"
            }
        }
        for item in content.published { rows += "<tr class=\"paper\"><th scope=\"row\">\(item.name)</th>\(cells(item.scores))</tr>\n" }
        let note: HTML =
            content.published.isEmpty
            ? ""
            : "<p class=\"muted\">The paper scores its own test split at 256×256; the rows above score the validation split at the run's own size.</p>"
        return """
            <div class="scroll"><table class="numbers"><thead><tr><th></th>\(HTML.each(columns) { "<th scope=\"col\">\($0)</th>" })</tr></thead><tbody>
            \(rows)</tbody></table></div>
            <p class="muted">The epoch with the least validation loss, scored on the validation split. \(meaning(content))</p>\(note)
            """
    }

    private static func meaning(_ content: ReportContent) -> String {
        content.runs.contains { !($0.evaluation?.classes ?? []).isEmpty }
            ? "Scores of several classes are means over all classes except the background."
            : "mIoU is the foreground's IoU, as in the paper."
    }

    // MARK: - Epochs

    /// Every epoch's numbers, collapsed.
    static func epochs(_ run: ReportContent.Run) -> HTML {
        let epochs = run.epochs
        guard !epochs.isEmpty else { return "<p class=\"muted\">No epoch has finished yet.</p>" }
        let rows = HTML.each(epochs) { record in
            """
            <tr class="\(record.isBest && record.epoch == run.best?.epoch ? "best" : "")"><th scope="row">\(record.epoch)</th>\
            <td>\(Figures.fixed(record.trainLoss))</td><td>\(Figures.fixed(record.validationLoss))</td>\(cells(record.scores))\
            <td>\(Figures.short(record.learningRate, digits: 3))</td><td>\(Figures.duration(record.seconds))</td></tr>

            """
        }
        let head = HTML.each(["epoch", "train loss", "val loss"] + columns + ["lr", "time"]) { "<th scope=\"col\">\($0)</th>" }
        return """
            <details><summary>Numbers by epoch</summary><div class="scroll"><table class="numbers"><thead><tr>\(head)</tr></thead><tbody>
            \(rows)</tbody></table></div></details>
            """
    }

    // MARK: - Settings and machines

    /// Each run's whole configuration; with several runs, side by side with differences marked.
    static func settings(_ runs: [ReportContent.Run]) -> HTML {
        guard runs.contains(where: { !$0.settings.isEmpty }) else { return "<p class=\"muted\">The run has no configuration file.</p>" }
        var names: [String] = []
        for name in runs.flatMap({ $0.settings.map(\.name) }) where !names.contains(name) { names.append(name) }
        return "<div class=\"settings\">\(HTML.each(names) { group($0, of: runs) })</div>"
    }

    private static func group(_ name: String, of runs: [ReportContent.Run]) -> HTML {
        let groups = runs.map { run in run.settings.first { $0.name == name }?.values ?? [] }
        var keys: [String] = []
        for key in groups.flatMap({ $0.map(\.key) }) where !keys.contains(key) { keys.append(key) }
        let rows = HTML.each(keys) { key in
            let values = groups.map { group in group.first { $0.key == key }?.value ?? "–" }
            let differs = Set(values).count > 1
            return "<tr class=\"\(differs ? "differs" : "")\"><th scope=\"row\">\(key)</th>\(HTML.each(values) { "<td>\($0)</td>" })</tr>"
        }
        let head: HTML = runs.count > 1 ? "<thead><tr><th></th>\(HTML.each(runs) { "<th scope=\"col\">\($0.name)</th>" })</tr></thead>" : ""
        return
            "<div class=\"card scroll\"><h3>\(name.replacing("_", with: " "))</h3><table class=\"pairs\">\(head)<tbody>\(rows)</tbody></table></div>\n"
    }

    /// The data and the machine of each run.
    static func machines(_ runs: [ReportContent.Run]) -> HTML {
        HTML.each(runs) { run in
            let facts: [(String, String)] = facts(run)
            let rows = HTML.each(facts) { "<tr><th scope=\"row\">\($0.0)</th><td>\($0.1)</td></tr>" }
            let heading: HTML = runs.count > 1 ? "<h3>\(run.name)</h3>" : ""
            let missing: HTML = run.environments.isEmpty ? "<p class=\"muted\">The machine was not recorded with this run.</p>" : ""
            return "<div class=\"card scroll machine\">\(heading)\(missing)<table class=\"pairs\"><tbody>\(rows)</tbody></table></div>\n"
        }
    }

    private static func facts(_ run: ReportContent.Run) -> [(String, String)] {
        var facts: [(String, String)] = []
        if let last = run.environments.last {
            facts += [
                ("processor", last.cpu), ("cores", "\(last.cores)"),
                ("memory", Figures.fixed(Double(last.memoryBytes) / 1_073_741_824, digits: 1) + " GiB"),
                ("system", last.system), ("instruction set", last.instructionSet), ("libtorch", last.libtorch), ("device", last.device),
                ("commit", last.commit ?? "unknown"), ("begun", run.environments[0].date),
            ]
            if run.environments.count > 1 { facts.append(("resumed", "\(run.environments.count - 1) times, last \(last.date)")) }
        }
        facts.append(("page made by", "vmunet \(Provenance.version)"))
        if let weights = run.weights {
            facts.append(("weights trained on", weights.summary ?? "unknown"))
            facts.append(("SHA-256 of the best weights", weights.digest))
        }
        if let empty = run.evaluation?.empty, empty.count > 0 {
            facts.append(
                (
                    "empty pictures",
                    "\(empty.count): \(empty.foundEmpty) predicted empty, left out of the mean over pictures; \(empty.withFindings) with findings"
                ))
        }
        if let parameters = run.parameters { facts.append(("parameters", grouped(parameters))) }
        facts.append(("epochs done", "\(run.epochs.count)" + (run.plannedEpochs.map { " of \($0)" } ?? "")))
        facts.append(("training time", Figures.duration(run.trainingSeconds)))
        return facts
    }
}
