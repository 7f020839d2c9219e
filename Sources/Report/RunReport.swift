import Files
import Foundation
import Imaging
import Runs
import Segmentation
import TensorFiles
import VMUNet

/// Writes a page about one training run, or a comparison of several: curves, scores, pictures,
/// settings, machine.
public struct RunReport: Sendable {
    /// The choices for the page.
    public var options: Options

    /// Options of the page.
    public struct Options: Sendable {
        /// The data set's folder; nil uses the one in each run's configuration.
        public var data: String?
        /// Shows pictures' names instead of numbers; nil shows names of the published sets only,
        /// which are public.
        public var showsNames: Bool?
        /// The number of pictures to show of the best, the middle and the worst.
        public var examples = 3
        /// Runs the best weights on the validation split. Without it the page has no pictures, and
        /// only the scores recorded in training.
        public var runsNetwork = true
        /// The device and precision of the network.
        public var compute = Compute()

        /// Everything, with usual settings.
        public init() {}
    }

    /// Progress and omissions, reported while the page is made.
    public enum Progress: Sendable {
        /// Pictures scored so far.
        case scoring(run: String, done: Int, of: Int)
        /// The training set of a run's weights (nil if they do not record it), and the notes from
        /// reading them.
        case weights(run: String, origin: String?, notes: [String])
        /// Something was left out of the page; `reason` says why.
        case skipped(run: String, reason: String)
    }

    private let networks: NetworkLoader

    /// A report that loads networks with `networks`.
    public init(_ options: Options = Options(), networks: NetworkLoader) {
        self.options = options
        self.networks = networks
    }

    /// Writes the page about these runs' folders, whole or not at all. Returns the runs' scores.
    ///
    /// Throws ``/Files/FileError`` for a folder that holds no run, and where the page cannot
    /// be written;
    /// ``/Runs/ConfigurationFileError``, ``/Segmentation/BadWeights`` and
    /// ``/Files/FileError`` for damaged files; ``/Segmentation/DataError`` for a
    /// requested data folder that is none.
    @discardableResult
    public func write(_ folders: [URL], to url: URL, progress: (Progress) -> Void = { _ in }) throws -> [ReportedRun] {
        let content = try content(of: folders, progress: progress)
        try AtomicFile.write(Array(ReportPage(content: content).html.utf8), to: url)
        return content.runs.map(ReportedRun.init)
    }

    /// The page as text. See ``write(_:to:progress:)``.
    public func html(of folders: [URL], progress: (Progress) -> Void = { _ in }) throws -> String {
        ReportPage(content: try content(of: folders, progress: progress)).html
    }

    private func content(of folders: [URL], progress: (Progress) -> Void) throws -> ReportContent {
        precondition(!folders.isEmpty, "a report needs at least one run")
        let names = Self.names(of: folders)
        var content = ReportContent(runs: [], date: Date.now.formatted(.iso8601.year().month().day()))
        var scored: [ScoredRun?] = []
        var datasets: [Dataset] = []
        for (url, name) in zip(folders, names) {
            let folder = RunFolder(existing: url)
            guard FileManager.default.fileExists(atPath: folder.configuration.path) else {
                throw FileError(
                    .missing, file: url.relativePath, reason: "it holds no run (no config.yaml)",
                    remedy: "give the folder that `train --run` wrote"
                )
            }
            let configuration = try RunConfiguration(yamlFile: folder.configuration)
            var run = try Self.summary(of: configuration, folder, name: name)
            let result = try score(&run, folder, configuration, progress)
            content.runs.append(run)
            scored.append(result)
            datasets.append(configuration.data.dataset)
        }
        if let first = datasets.first, datasets.allSatisfy({ $0 == first }) { content.published = PublishedResults.on(first) }
        if folders.count > 1 { content.comparison = try grid(scored.compactMap(\.self)) }
        return content
    }

    // MARK: - Gathering

    /// The folders' own names, never their paths; equal names are numbered.
    private static func names(of folders: [URL]) -> [String] {
        let names = folders.map { $0.standardizedFileURL.lastPathComponent }
        return names.indices.map { i in
            let earlier = names[..<i].count { $0 == names[i] }
            return earlier == 0 ? names[i] : "\(names[i]) (\(earlier + 1))"
        }
    }

    private static func summary(of configuration: RunConfiguration, _ folder: RunFolder, name: String) throws -> ReportContent.Run {
        let size = configuration.data.imageSize
        let classes = configuration.data.classes == 1 ? "" : ", \(configuration.data.classes) classes"
        return ReportContent.Run(
            name: name,
            summary: "\(configuration.network.title) on \(configuration.data.dataset.rawValue), \(size)×\(size)\(classes)",
            events: try folder.events(), plannedEpochs: configuration.epochs, settings: SettingsGroup.read(yaml: try configuration.yaml),
            parameters: folder.parameterCount(configuration), environments: RunEnvironment.read(folder))
    }

    /// Scores a run's best weights and picks its pictures. If that fails, the run gets a note and
    /// the result is nil.
    private func score(
        _ run: inout ReportContent.Run, _ folder: RunFolder, _ configuration: RunConfiguration, _ progress: (Progress) -> Void
    ) throws -> ScoredRun? {
        func skip(_ reason: String, _ more: String = "") {
            run.notes.append("No pictures: \(reason).")
            progress(.skipped(run: run.name, reason: "no pictures: " + reason + more))
        }
        guard options.runsNetwork else { return nil }
        guard FileManager.default.fileExists(atPath: folder.best.path) else {
            skip("the run has no best weights yet")
            return nil
        }
        let dataset: any SegmentationDataset
        do {
            dataset = try validationSet(configuration)
        } catch let error as DataError where options.data == nil {
            // The data may have been moved; the recorded values are still worth a page.
            skip("the validation pictures were not found", "; name their folder with --data (\(error))")
            return nil
        }
        let name = run.name
        let scored: ScoredRun
        do {
            scored = try ScoredRun(
                name: name, weights: folder.best, configuration: configuration, dataset: dataset, options: options, networks: networks,
                progress: { progress(.scoring(run: name, done: $0, of: $1)) })
        } catch let error as BadWeights where configuration.vmunet == nil {
            // This program may not compute the network; the recorded values are still worth a page.
            skip("the network cannot be run here", ": \(error)")
            return nil
        }
        run.evaluation = scored.evaluation
        run.weights = (scored.segmenter.metadata.summary, WeightsDigest(of: folder.best).value)
        progress(.weights(run: name, origin: scored.segmenter.metadata.summary, notes: scored.segmenter.notes))
        run.examples = try scored.examples(each: options.examples)
        do {
            (run.volumes, run.previews) = try volumeScores(scored, configuration) {
                progress(.scoring(run: name + ", volumes", done: $0, of: $1))
            }
        } catch let error as DataError where options.data == nil {
            run.notes.append("The held-back volumes could not be read, so there are no scores of them.")
            progress(.skipped(run: name, reason: "no scores of the held-back volumes: \(error)"))
        }
        return scored
    }

    private func validationSet(_ configuration: RunConfiguration) throws -> any SegmentationDataset {
        var configuration = configuration
        if let data = options.data { configuration.data.path = data }
        return try configuration.data.dataset.layout.reportSet(configuration.data, seed: configuration.seed)
    }

    /// Pictures that all runs were scored on, one in a row (Figure 4).
    private func grid(_ runs: [ScoredRun]) throws -> ReportContent.Grid? {
        guard runs.count > 1, let first = runs.first,
            runs.allSatisfy({ $0.pictureNames == first.pictureNames && $0.classes == first.classes })
        else { return nil }
        let choices = ReportSelection.compared(runs.map(\.imageScores), disputed: options.examples)
        return ReportContent.Grid(
            columns: ["picture", "truth"] + runs.map(\.name),
            rows: try choices.map { choice in
                let picture = try first.picture(choice.index)
                let found = try runs.map { run in
                    let (finding, size) = try run.find(choice.index)
                    return try picture.found(
                        finding, threshold: run.segmenter.threshold, size: size,
                        caption: "IoU \(percent(run.imageScores[choice.index]))")
                }
                return ("\(choice.rank): \(first.shownName(choice.index))", [try picture.plain(""), try picture.truthTile("")] + found)
            })
    }
}
