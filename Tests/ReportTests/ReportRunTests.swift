import Files
import Foundation
import Imaging
import Networks
import Runs
import Segmentation
import TestSupport
import Testing
import Training
import VMUNet

@testable import Report

@Suite("Report of a real run")
struct ReportRunTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString)")

    /// Two epochs of a tiny network on generated pictures.
    private func train(_ name: String, seed: UInt64, epochs: Int = 2) throws -> URL {
        let data = folder.appending(path: "data")
        if !FileManager.default.fileExists(atPath: data.path) { try LesionGenerator.write(train: 4, validation: 5, size: 32, to: data) }
        var settings = RunConfiguration(.folder, path: data.path)
        settings.vmunet = VMUNetConfiguration(dims: [4, 8, 16, 32], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 2)
        settings.data.imageSize = 32
        (settings.epochs, settings.batchSize, settings.seed, settings.device) = (epochs, 2, seed, .cpu)
        let url = folder.appending(path: name)
        let (trainer, _) = try Trainer.begin(settings, in: url, data: try TrainingData(settings))
        #expect(try trainer.run() == .finished)
        return url
    }

    private var options: RunReport.Options {
        var options = RunReport.Options()
        options.compute.device = .cpu
        return options
    }

    @Test("training writes event files and the environment; the page has scores, pictures and settings, and no path")
    func one() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = try train("run & <one>", seed: 1)
        let run = RunFolder(existing: url)
        let files = try FileManager.default.contentsOfDirectory(atPath: run.tensorBoard.path)
        #expect(files.count == 1 && files[0].hasPrefix("events.out.tfevents."))
        let environment = try #require(RunEnvironment.read(run).first)

        let output = folder.appending(path: "page.html")
        try RunReport(options, networks: .torch).write([url], to: output)
        let page = try String(contentsOf: output, encoding: .utf8)
        let reader = PageReader(page)
        #expect(reader.problem == nil)
        #expect(reader.text.contains("run & <one>"))
        #expect(
            reader.text.contains(environment.cpu) && reader.text.contains(environment.libtorch)
                && reader.text.contains(environment.instructionSet))
        // Five pictures give one each of best, median and worst, with outlines beside it, and the most
        // doubtful with a map of its doubt as well. They are numbered, since the set may be private.
        #expect(reader.all("img").count == 9)
        #expect(!page.contains("lesion_") && reader.text.contains("picture "))
        #expect(!page.contains(folder.path) && !page.contains("report-"))
        for event in try run.events() {
            guard case .epoch(let record) = event else { continue }
            #expect(reader.text.contains(Figures.fixed(record.trainLoss)) && reader.text.contains(percent(record.scores?.dsc)))
        }
        // Calibration and doubt are those that `evaluate` measures.
        let configuration = try RunConfiguration(yamlFile: run.configuration)
        var settings = configuration.evaluation
        (settings.measuresCalibration, settings.measuresDoubt) = (true, true)
        let set = try configuration.data.dataset.layout.reportSet(configuration.data, seed: configuration.seed)
        let segmenter = try Segmenter(weights: run.best, imageSize: 32, networks: .torch)
        let scored = try Evaluator(set, settings).evaluate(segmenter, atOwnSize: false)
        let calibration = try #require(scored.calibration), ranking = try #require(scored.rankings?.first)
        #expect(reader.text.contains("expected calibration error \(percent(calibration.expectedError)) %"))
        #expect(reader.text.contains("Brier score \(Figures.fixed(calibration.brier))"))
        #expect(reader.text.contains("AUROC \(Figures.fixed(ranking.auroc, digits: 3))"))
        let expected = try scored.images.map { try #require($0.doubt?.expectedError) }
        for (index, image) in scored.images.enumerated() {
            let told = "picture \(index + 1): expected \(percent(expected[index])) %, is \(percent(image.scores.dsc.map { 1 - $0 })) %"
            #expect(image.scores.dsc == nil || reader.text.contains(told))
        }
        let most = try #require(expected.indices.max { expected[$0] < expected[$1] })
        #expect(page.contains("<h3>Most doubtful</h3><div class=\"examples\"><figure class=\"card example\">"))
        #expect(reader.text.contains("uncertaintypicture \(most + 1)"), "of \(expected)")
        var named = options
        named.showsNames = true
        #expect(try RunReport(named, networks: .torch).html(of: [url]).contains("lesion_00005"))
    }

    /// The page has `evaluate`'s scores of the volumes, and the paper's if the classes are its own.
    @Test("a run in Synapse's layout: both scorings of its test volumes")
    func volumes() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appending(path: "synapse")
        var settings = try SynapseSet.configuration()
        settings.epochs = 1
        let (trainer, _) = try Trainer.begin(settings, in: url, data: try TrainingData(settings))
        #expect(try trainer.run() == .finished)
        // Weights that predict something.
        let best = RunFolder(existing: url).best
        try FileManager.default.removeItem(at: best)
        try FileManager.default.copyItem(at: SynapseSet.weights, to: best)

        let set = try SynapseVolumes(SynapseSet.url, classNames: SynapseSet.names)
        let expected = try VolumeEvaluator(
            set, segmenter: VolumeSegmenter(try Segmenter(weights: best, compute: Compute(device: .cpu), networks: .torch))
        ).evaluate()
        let page = try RunReport(options, networks: .torch).html(of: [url])
        let reader = PageReader(page)
        #expect(reader.problem == nil && !page.contains(SynapseSet.url.path))
        let text = reader.text.split(separator: "\n").joined(separator: " ")
        #expect(text.contains("Scores of the held-back volumes") && text.contains("3 volumes") && !text.contains("Table II"))
        func numbers(_ dice: Double?, _ hd95: Double?, _ classes: [Double?]) throws -> [Double] {
            try [#require(dice) * 100, #require(hd95)] + classes.compactMap { $0 }.map { $0 * 100 }
        }
        let published = try numbers(expected.published.dice, expected.published.hd95, expected.published.classes.map(\.dice))
        let strict = try numbers(expected.strict.dice, expected.strict.hd95, expected.strict.classes.map(\.dice))
        #expect(strict.count == 5 && published != strict)
        for scores in [published, strict] {
            let cells = scores.map { String(format: "%.2f", $0) }.joined()
            #expect(text.contains(cells), "\(cells)")
        }

        #expect(page.contains("case0000_slice00") || page.contains("case0001_slice00") || page.contains("case0002_slice00"))

        // A private set in the same layout: its names may be patients'.
        try SynapseSet.withCopy { copy in
            let (list, slices) = (copy.appending(path: "lists/lists_Synapse/train.txt"), copy.appending(path: "train_npz"))
            try Data(String(contentsOf: list, encoding: .utf8).replacing("case", with: "DoeJohn").utf8).write(to: list)
            for name in try FileManager.default.contentsOfDirectory(atPath: slices.path) {
                try FileManager.default.moveItem(
                    at: slices.appending(path: name), to: slices.appending(path: name.replacing("case", with: "DoeJohn")))
            }
            var elsewhere = options
            elsewhere.data = copy.path
            let page = try RunReport(elsewhere, networks: .torch).html(of: [url])
            #expect(!page.contains("DoeJohn") && page.contains("picture 1"))
            elsewhere.showsNames = true
            #expect(try RunReport(elsewhere, networks: .torch).html(of: [url]).contains("DoeJohn"))
        }

        // Damaged volumes only cost the page their table.
        try SynapseSet.withCopy { copy in
            var moved = settings
            moved.data.path = copy.path
            try moved.write(to: RunFolder(existing: url).configuration)
            try Data("no volume".utf8).write(to: copy.appending(path: "test_vol_h5/case0022.npy.h5"))
            var skipped: [String] = []
            let rest = try RunReport(options, networks: .torch).html(of: [url]) {
                if case .skipped(_, let reason) = $0 { skipped.append(reason) }
            }
            #expect(PageReader(rest).text.contains("could not be read") && !rest.contains(copy.path))
            #expect(skipped.count == 1 && skipped[0].contains("case0022.npy.h5"))
            var asked = options
            asked.data = copy.path
            #expect(throws: DataError.self) { try RunReport(asked, networks: .torch).html(of: [url]) }
        }
    }

    @Test("the paper's Table II beside a run on Synapse's classes")
    func paperOfVolumes() throws {
        let classes = (Dataset.synapse.layout.defaults.classNames ?? []).enumerated().dropFirst().map {
            ClassScore(value: $0.offset, name: $0.element, predicted: 2, labelled: 2, both: 1, hd95: 3)
        }
        var run = ReportSamples.run(events: RunSamples.events(epochs: 2))
        run.volumes = try VolumeScoreSummary([VolumeScores(name: "case", unit: .voxels, classes: classes)])
        let reader = PageReader(ReportSamples.page([run, run]))
        #expect(reader.problem == nil)
        for cells in ["Table II)81.0819.2186.4069.4186.1682.7694.1758.8089.5181.40", "published scoring50.003.00", "(infinite: 0, 0)"] {
            #expect(reader.text.contains(cells), "\(cells)")
        }
    }

    @Test("two runs: a grid of the pictures that both were scored on; without the data, a note")
    func two() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let urls = [try train("a", seed: 1, epochs: 1), try train("b", seed: 2, epochs: 1)]
        let reader = PageReader(try RunReport(options, networks: .torch).html(of: urls))
        #expect(reader.problem == nil)
        let rows = reader.all("table", class: "grid4").count
        #expect(rows == 1)
        #expect(reader.text.contains("Visual comparison"))
        // Each row has the picture, the truth and both runs; each run has its own nine pictures as
        // well.
        #expect((reader.all("img").count - 18).isMultiple(of: 4) && reader.all("img").count > 18)

        let moved = folder.appending(path: "moved")
        try FileManager.default.moveItem(at: folder.appending(path: "data"), to: moved)
        var skipped: [String] = []
        let without = try RunReport(options, networks: .torch).html(of: [urls[0]]) {
            if case .skipped(_, let reason) = $0 { skipped.append(reason) }
        }
        #expect(PageReader(without).all("img").isEmpty && PageReader(without).text.contains("not found"))
        #expect(skipped.count == 1 && skipped[0].contains("--data"))
        var elsewhere = options
        elsewhere.data = moved.path
        #expect(PageReader(try RunReport(elsewhere, networks: .torch).html(of: [urls[0]])).all("img").count == 9)
        elsewhere.data = folder.appending(path: "nowhere").path
        #expect(throws: DataError.self) { try RunReport(elsewhere, networks: .torch).html(of: [urls[0]]) }
        #expect(throws: FileError.self) { try RunReport(options, networks: .torch).html(of: [moved]) }
    }
}
