import ArgumentParser
import Commands
import Files
import Foundation
import Imaging
import Networks
import Runs
import Segmentation
import Torch
import Training
import VMUNet

struct Demo: ToolCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Try everything on generated pictures: train a small network, score it on unseen pictures, segment some, and draw them.",
        discussion: """
            The pictures are lesion-like, with hair, vignettes, low contrast and known masks, made by a deterministic generator. Takes half a minute on a quiet machine, minutes on a busy one.

            Examples:
              vmunet demo
              vmunet demo --pictures 1000 --epochs 30 --output larger
            """)

    @Option(help: "The folder for the demo's files: a new one, or an earlier demo's, which is replaced.")
    var output = "demo"

    @Option(help: "Pictures to train on.")
    var pictures = Self.usual.pictures

    @Option(help: "Epochs.")
    var epochs = Self.usual.epochs

    @Option(help: "Height and width of the pictures.")
    var imageSize = 96

    @Option(help: "Threads on the CPU. Default: chosen for the machine.")
    var threads: Int?

    @Flag(help: "Print the scores as one JSON object on standard output instead of tables.")
    var json = false

    @OptionGroup var telling: OutputOptions

    static let validation = 60
    /// What surely reaches the target.
    static let usual = (pictures: 400, epochs: 14)
    static let target = 0.80

    func validate() throws {
        try Require.count(pictures, "--pictures", upTo: 100_000)
        try Require.count(epochs, "--epochs", upTo: 100_000)
        try Require.imageSize(imageSize, upTo: 1024)
        try Require.threads(threads)
        try Require.oneProcess()
    }

    func run() throws {
        if let threads { Torch.threads = threads }
        let folder = URL(filePath: output)
        let (data, runFolder, results) = (
            folder.appending(path: "data"), folder.appending(path: "run"), folder.appending(path: "segmented")
        )
        if FileManager.default.fileExists(atPath: folder.path) {
            // Removes only an earlier demo's files: any other folder is the user's.
            guard FileManager.default.fileExists(atPath: folder.appending(path: ".demo").path) else {
                throw InputError("\(output): the folder exists and is not a demo's; choose another --output")
            }
            for part in [data, runFolder, results] { try? FileManager.default.removeItem(at: part) }
        }
        try Folder.make(folder, option: "--output")
        try Data().write(to: folder.appending(path: ".demo"))

        Console.note(
            "1. \(counted(pictures, "picture")) to train on and \(Self.validation) to validate, generated into \(data.relativePath)")
        try LesionGenerator.write(train: pictures, validation: Self.validation, size: imageSize, seed: 42, to: data) { done in
            Console.status("   \(Console.bar(Double(done) / Double(pictures + Self.validation))) \(done)")
        }

        var settings = RunConfiguration(.folder, path: data.path)
        settings.vmunet = .tiny
        settings.vmunet?.dropPath = 0
        settings.data.imageSize = imageSize
        settings.epochs = epochs
        settings.batchSize = 8
        settings.optimizer.learningRate = 2e-3
        settings.schedule = .cosineAnnealing(tMax: epochs, etaMin: 1e-5)
        settings.device = .cpu
        let sets = try TrainingData(settings)
        Console.note(
            "2. training a tiny VM-UNet (\(try settings.parameterCount()) parameters) for \(counted(epochs, "epoch"))"
        )
        let (trainer, _) = try Trainer.begin(settings, in: runFolder, data: sets)
        let stop = StopSignal()
        let display = TrainingDisplay()
        if try trainer.run(shouldStop: { stop.isSet }, report: display.show) == .interrupted { throw ExitCode(ExitStatus.interrupted) }

        let best = RunFolder(existing: runFolder).best
        Console.note("3. scoring its best epoch on \(Self.validation) unseen pictures")
        let segmenter = try Segmenter(weights: best, compute: Compute(device: .cpu), networks: .torch)
        let validation = try PairedFolder(data, split: "val", options: .init(size: imageSize))
        let result = try Evaluator(validation, settings.evaluation).evaluate(segmenter.network)
        if !json { Console.out(Evaluate.table(result)) }

        let shipped = try InstalledWeights.url().map { try Shipped(weights: $0, data: data) }
        if let shipped {
            Console.note("   and the package's own weights, trained on real pictures only, on the same pictures")
            if !json { Console.out(Evaluate.table(shipped.scores)) }
        }

        Console.note("4. segmenting pictures into \(results.relativePath)")
        let sheet = try segment(with: segmenter, from: data, to: results, scores: result, shipped: shipped)
        Console.note(
            "   see \(sheet.relativePath): picture, truth, prediction\(shipped == nil ? "" : ", the package's own weights"); best at the top, worst at the bottom"
        )
        if json { try Console.json(Scores(trained: result, shipped: shipped?.scores)) }
        let miou = result.pooled.miou ?? 0
        guard miou >= Self.target || pictures < Self.usual.pictures || epochs < Self.usual.epochs else { throw DemoMissed(miou: miou) }
        Console.note("done: mIoU \(percent(miou)) on unseen pictures")
    }

    /// The output of `--json`.
    private struct Scores: Encodable {
        let trained: EvaluationResult
        let shipped: EvaluationResult?
    }

    /// The package's own weights and their scores on the generated pictures, which are unlike any
    /// that they were trained on.
    private struct Shipped {
        let segmenter: Segmenter
        let scores: EvaluationResult

        init(weights: URL, data: URL) throws {
            segmenter = try Segmenter(weights: weights, compute: Compute(device: .cpu), networks: .torch)
            let set = try PairedFolder(data, split: "val", options: .init(size: segmenter.imageSize))
            scores = try Evaluator(set).evaluate(segmenter.network)
        }

        func iou(of name: String) -> Double? { scores.images.first { $0.name == name }?.scores.miou }
    }

    /// Segments the best, middle and worst pictures and joins them in one sheet.
    private func segment(with segmenter: Segmenter, from data: URL, to folder: URL, scores: EvaluationResult, shipped: Shipped?) throws
        -> URL
    {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let sorted = scores.images.sorted { ($0.scores.miou ?? 0) > ($1.scores.miou ?? 0) }
        let chosen = [0, sorted.count / 4, sorted.count / 2, 3 * sorted.count / 4, sorted.count - 1].map { sorted[$0] }
        var cells: [ContactSheet.Cell] = []
        for item in chosen {
            let picture = try PictureFile.read(data.appending(path: "val/images/\(item.name).jpg"))
            let truth = try PictureFile.read(data.appending(path: "val/masks/\(item.name).png"), channels: 1)
            let found = try segmenter.segment(picture)
            try PictureFile.write(found.mask, to: folder.appending(path: item.name + ".png"))
            let overlay = try Overlay.draw(found.mask, on: picture)
            try PictureFile.write(overlay, to: folder.appending(path: item.name + "_overlay.png"))
            // The sheet shows everything enlarged, so that outlines are lines and not steps.
            let shown = Self.enlarged(picture)
            cells.append(.init(shown, caption: item.name))
            cells.append(.init(try Overlay.draw(Self.enlarged(truth, cutAt: 128), on: shown), caption: "truth"))
            let ours = try segmenter.segment(shown).mask
            cells.append(.init(try Overlay.draw(ours, on: shown), caption: "found, IoU \(percent(item.scores.miou))"))
            if let shipped {
                let theirs = try shipped.segmenter.segment(shown).mask
                cells.append(
                    .init(try Overlay.draw(theirs, on: shown), caption: "shipped, IoU \(percent(shipped.iou(of: item.name)))"))
            }
        }
        let sheet = folder.appending(path: "sheet.png")
        try PictureFile.write(
            ContactSheet(cells: cells, columns: shipped == nil ? 3 : 4, cellSize: Self.cellSize, textScale: 2, gap: 14).render(), to: sheet)
        return sheet
    }

    private static let cellSize = 288

    /// The picture at the sheet's size, smoothly; a mask is cut in two again.
    private static func enlarged(_ picture: Picture, cutAt limit: Float? = nil) -> Picture {
        let (C, side) = (picture.channels, cellSize)
        let planes = Resize.bilinear(picture, to: (side, side))
        var large = Picture(width: side, height: side, channels: C)
        for i in 0..<(side * side) {
            for c in 0..<C {
                let value = planes[c * side * side + i]
                large.pixels[i * C + c] = limit.map { value < $0 ? 0 : 255 } ?? UInt8(min(max(value + 0.5, 0), 255))
            }
        }
        return large
    }
}

/// The demo fell short of its usual result: a fault of the program or the machine, never the
/// user's.
struct DemoMissed: UserError {
    let miou: Double
    var subject: String { "" }
    var remedy: String { "please report this" }
    var category: UserErrorCategory { .internal }
    var problem: String {
        "the demo reached mIoU \(percent(miou)), expected at least \(percent(Demo.target))"
    }
}
