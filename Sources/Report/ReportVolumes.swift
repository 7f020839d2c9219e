import Files
import Foundation
import Imaging
import Runs
import Segmentation

extension RunReport {
    /// Scores of a run's best weights on the held-back volumes of its set, and pictures of the
    /// first ones; nil and none if it has no volumes.
    ///
    /// Throws ``/Segmentation/DataError`` for volumes that cannot be read.
    func volumeScores(
        _ scored: ScoredRun, _ configuration: RunConfiguration, progress: (_ done: Int, _ of: Int) -> Void
    ) throws -> (scores: VolumeScoreSummary?, previews: [ReportContent.Tile]) {
        var settings = configuration.data
        if let data = options.data { settings.path = data }
        let layout = settings.dataset.layout
        guard let volumes = try layout.reportVolumes(settings) else { return (nil, []) }
        var previews: [ReportContent.Tile] = []
        let scores = try VolumeEvaluator(volumes, segmenter: VolumeSegmenter(scored.segmenter)).evaluate {
            progress($0.volume + ($0.slice == $0.slices ? 1 : 0), $0.volumes)
        } keep: { volume, prediction in
            guard previews.count < Self.previewed else { return }
            let picture = try VolumePreview.draw(
                prediction, on: volume.shown, order: volume.channels.first?.voxelOrder, spacing: volume.spacing, slices: 0)
            let name = layout.areNamesPublic([volume.name]) ? volume.name : "volume \(previews.count + 1)"
            previews.append(ReportContent.Tile(jpeg: try PictureFile.jpeg(picture, quality: 85), caption: name))
        }
        return (scores, previews)
    }

    /// Volumes whose planes a page shows.
    private static let previewed = 3
}

extension ReportTables {
    /// Table II: Dice and HD95 of each run's held-back volumes under both scorings, then the
    /// paper's. One table for each list of classes; empty without volumes.
    static func volumes(_ content: ReportContent) -> HTML {
        var lists: [[String]] = []
        for run in content.runs {
            if let names = run.volumes?.classNames, !lists.contains(names) { lists.append(names) }
        }
        guard !lists.isEmpty else { return "" }
        return
            "<section><h2>Scores of the held-back volumes</h2>\(HTML.each(lists) { table($0, content.runs) })\(previews(content.runs))</section>\n"
    }

    private static func table(_ names: [String], _ runs: [ReportContent.Run]) -> HTML {
        let shown = runs.filter { $0.volumes?.classNames == names }
        var rows: HTML = ""
        for run in shown {
            guard let scores = run.volumes else { continue }
            let name = runs.count > 1 ? run.name + ", " : ""
            let (published, strict) = (scores.published, scores.strict)
            rows += row("\(name)published scoring", published.dice, published.hd95, published.classes.map(\.dice))
            rows += row("\(name)strict scoring", strict.dice, strict.hd95, strict.classes.map(\.dice))
        }
        if names == Dataset.synapse.layout.defaults.classNames?.dropFirst().map(\.self) {
            let paper = PublishedResults.synapse
            rows += row("the paper's VM-UNet (Table II)", paper.dice, paper.hd95, paper.classes, kind: "paper")
        }
        let unit = shown[0].volumes?.volumes.first?.unit == .millimetres ? "millimetres" : "voxels"
        let infinite = shown.map { "\($0.volumes?.strict.infinite ?? 0)" }.joined(separator: ", ")
        return """
            <div class="scroll"><table class="numbers"><thead><tr><th></th>\(HTML.each(["DSC%", "HD95"] + names) { "<th scope=\"col\">\($0)</th>" })</tr></thead><tbody>
            \(rows)</tbody></table></div>
            <p class="muted">Means over \(counted(shown[0].volumes?.volumes.count ?? 0, "volume")), DSC of each class; HD95 in \(unit). Published scoring gives a class DSC 100 and HD95 0 if it is predicted \
            but absent, and 0 and 0 if it is missed or absent from both. Strict scoring leaves out classes absent from both, counts missed and spurious ones as DSC 0, and averages the \
            distances that are finite (infinite: \(infinite)).</p>

            """
    }

    /// Each run's first volumes in millimetres, with the classes found.
    private static func previews(_ runs: [ReportContent.Run]) -> HTML {
        HTML.each(runs) { run -> HTML in
            HTML.each(run.previews) { tile -> HTML in
                let name = (runs.count > 1 ? run.name + ", " : "") + tile.caption
                let picture = ReportContent.Tile(jpeg: tile.jpeg, caption: "")
                return
                    "<figure class=\"card example\">\(ReportPage.image(picture, of: name))<figcaption>\(name): planes through the largest extent of what was found</figcaption></figure>\n"
            }
        }
    }

    private static func row(_ name: String, _ dice: Double?, _ distance: Double?, _ classes: [Double?], kind: String = "") -> HTML {
        let cells = HTML.each(classes) { "<td>\(percent($0))</td>" }
        let mean: HTML = "<td>\(percent(dice))</td><td>\(Figures.fixed(distance, digits: 2))</td>"
        return "<tr class=\"\(kind)\"><th scope=\"row\">\(name)</th>\(mean)\(cells)</tr>\n"
    }
}

extension VolumeScoreSummary {
    /// The names of the scored classes.
    fileprivate var classNames: [String] { strict.classes.map(\.name) }
}

extension PublishedResults {
    /// The paper's VM-UNet on Synapse (Table II): Dice as fractions, HD95 as printed, classes in
    /// the set's order.
    static let synapse = (dice: 0.8108, hd95: 19.21, classes: [0.8640, 0.6941, 0.8616, 0.8276, 0.9417, 0.5880, 0.8951, 0.8140])
}
