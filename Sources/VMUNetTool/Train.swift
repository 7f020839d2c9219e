import ArgumentParser
import Commands
import Files
import Foundation
import Networks
import Runs
import Segmentation
import Torch
import Training
import VMUNet

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train on a set of pictures and masks.",
        discussion: """
            Settings come from --config, else from the data set's published ones; options on the command line override both. The run's folder keeps \
            config.yaml, metrics.jsonl and checkpoints; --resume goes on where it was stopped, bit for bit as if it had not been.
            """)

    @Option(help: "The data set's folder: {train,val}/{images,masks}, or train_npz and lists of Synapse's layout.")
    var data: String?

    @Option(help: "How the folder is laid out and with which published settings to train.")
    var dataset: Dataset?

    @Option(help: "Settings in YAML.")
    var config: String?

    @OptionGroup var network: NetworkOptions

    @Option(name: .customLong("init"), help: "Weights to begin with: VMamba's, or a VM-UNet's.")
    var initialWeights: String?

    @Option(help: "Epochs.")
    var epochs: Int?

    @Option(help: "Pictures in a step.")
    var batchSize: Int?

    @Option(help: "Height and width that pictures are resized to, a multiple of 32.")
    var imageSize: Int?

    @Option(name: .customLong("lr"), help: "The optimiser's learning rate.")
    var learningRate: Double?

    @Option(help: "The highest rate of stochastic depth.")
    var dropPath: Double?

    @Flag(help: "Train on the pictures as they are.")
    var noAugment = false

    @Option(help: "A set without a part val: the share of the pictures, or patients, held back to validate; 0 trains on all.")
    var validationFraction: Double?

    @Option(help: "The label of pixels that nobody labelled: they count in no loss and no score.")
    var ignoredLabel: Int?

    @Option(help: "Where grey values of binary masks are cut, as a share of white.")
    var maskThreshold: Double?

    @Option(
        parsing: .unconditional,
        help: "Slices: the intensities that became 0…1, LOW,HIGH, minmax, percentiles or none; kept with the weights.")
    var window: IntensityWindow?

    @Option(help: "Slices: normalized where files hold 0…1 already, raw where --window is to map them.")
    var intensities: DataSettings.Intensities?

    @Option(help: "Slices: the directions of columns, rows and slices, such as RAS; kept with the weights.")
    var voxelOrder: VoxelOrderOption?

    @Option(help: "Slices: millimetres between slices, rows and columns; kept with the weights.")
    var spacing: VoxelSpacing?

    @Option(help: "How the pictures came to be, such as CT or dermoscopy; kept with the weights.")
    var modality: String?

    @Option(help: "Seed of every random number.")
    var seed: UInt64?

    @Option(help: "Threads that prepare pictures beside the training step.")
    var workers: Int?

    @OptionGroup var compute: ComputeOptions

    @OptionGroup var telling: OutputOptions

    @Option(name: .customLong("run"), help: "The run's folder; without it runs/DATASET-DATE.")
    var runFolder: String?

    @Flag(help: "Go on with the run in --run, with the settings it began with.")
    var resume = false

    func run() throws {
        try Torch.allowTF32(compute.tf32)
        if let threads = compute.threads { Torch.threads = threads }
        let folder = try chosenFolder()
        let stop = StopSignal()
        let configuration = resume ? try resumed(RunFolder(existing: folder)) : try settings()
        let sets = try TrainingData(configuration)
        let findings = try sets.verify()
        for note in sets.notes + findings { Console.note("note: " + note) }
        let trainer: Trainer
        if resume {
            trainer = try Trainer.resume(configuration, in: folder, data: sets, compileGraph: compute.compileGraph)
            Console.note("resuming \(folder.relativePath) after epoch \(trainer.position.epoch), step \(trainer.position.step)")
        } else {
            let begun = try Trainer.begin(configuration, in: folder, data: sets, compileGraph: compute.compileGraph)
            trainer = begun.trainer
            if let report = begun.initialWeights { Self.tell(report) }
        }
        Console.note(
            "\(configuration.network.presetName ?? "custom") network of \(Self.classes(configuration)), \(sets.training.count) pictures to train on, "
                + "\(sets.validation?.count ?? 0) to validate, "
                + "\(configuration.data.imageSize)×\(configuration.data.imageSize), run in \(folder.relativePath)")
        let display = TrainingDisplay()
        let outcome: Trainer.Outcome
        do {
            outcome = try trainer.run(shouldStop: { stop.isSet }, report: display.show)
        } catch let error as DataError {
            throw InputError("\(error)\nWhat was trained is saved; once this is mended, go on by: \(Self.resumption(folder))")
        }
        switch outcome {
        case .finished: Console.note("done; best weights in \(RunFolder(existing: folder).best.relativePath)")
        case .stoppedEarly:
            Console.note("no better validation loss for \(configuration.earlyStopping ?? 0) evaluations: stopped; best weights kept")
        case .interrupted:
            Console.note("stopped and saved; go on by: \(Self.resumption(folder))")
            throw ExitCode(ExitStatus.interrupted)
        }
    }

    private static func resumption(_ folder: URL) -> String { "\(Invocation.name) train --resume --run \(folder.relativePath)" }

    private func chosenFolder() throws -> URL {
        if let runFolder { return URL(filePath: runFolder) }
        guard !resume else { throw ValidationError("--resume needs --run, the folder of the run to go on with") }
        let stamp = Date.now.formatted(
            .iso8601.year().month().day().dateSeparator(.omitted).time(includingFractionalSeconds: false).timeSeparator(.omitted))
        return URL(filePath: "runs/\(dataset?.rawValue ?? "run")-\(stamp)")
    }

    private func settings() throws -> RunConfiguration {
        var settings =
            try config.map { try RunConfiguration(yamlFile: URL(filePath: $0), dataset: dataset) } ?? RunConfiguration(dataset ?? .folder)
        if config == nil, dataset == nil { throw ValidationError("--dataset is needed: \(DatasetLayouts.names) (or --config)") }
        try apply(to: &settings)
        guard !settings.data.path.isEmpty else { throw ValidationError("--data is needed: the data set's folder") }
        let given = try config.map { try RunConfiguration.lines(inYAMLFile: URL(filePath: $0)) } ?? [:]
        try settings.takeClassesFromSet(
            givenCount: network.classes != nil || given["data.classes"] != nil,
            givenNames: given["data.class_names"] != nil && network.classes == nil)
        do { try settings.validate() } catch {
            if let fault = error.fault(of: config ?? "", lines: given) { throw fault }
            throw ValidationError("\(error)")
        }
        return settings
    }

    /// The settings that a run began with, and what may change on the way: where its data are, how long it goes on, and what it computes on.
    private func resumed(_ run: RunFolder) throws -> RunConfiguration {
        guard FileManager.default.fileExists(atPath: run.configuration.path) else {
            throw FolderError(
                folder: run.url.relativePath, reason: "it holds no run", remedy: "give the folder of one, or begin one without --resume")
        }
        let saved = try RunConfiguration(yamlFile: run.configuration)
        var wanted = saved
        if config != nil { wanted = try settings() } else { try apply(to: &wanted) }
        var configuration = saved
        configuration.data.path = wanted.data.path
        configuration.epochs = wanted.epochs
        configuration.device = wanted.device
        configuration.workers = wanted.workers
        if let difference = try wanted.difference(from: configuration) {
            throw ValidationError(
                "a resumed run keeps the settings that it began with, but the options ask for \(difference); leave them out, or begin another run"
            )
        }
        do { try configuration.validate() } catch { throw ValidationError("\(error)") }
        return configuration
    }

    /// Lays the options that were given over the settings.
    private func apply(to settings: inout RunConfiguration) throws {
        if let data { settings.data.path = data }
        if let dataset { settings.data.dataset = dataset }
        var shape = settings.network
        try network.apply(to: &shape)
        if let dropPath { shape.dropPath = dropPath }
        settings.network = shape
        if let initialWeights { settings.initialWeights = initialWeights }
        if let epochs { settings.epochs = epochs }
        if let batchSize { settings.batchSize = batchSize }
        if let imageSize { settings.data.imageSize = imageSize }
        if let learningRate { settings.optimizer.learningRate = learningRate }
        if let validationFraction { settings.data.validationFraction = validationFraction }
        if let ignoredLabel { settings.data.ignoredLabel = ignoredLabel }
        if let maskThreshold { settings.data.maskThreshold = maskThreshold }
        if let window { settings.data.window = window }
        if let intensities { settings.data.intensities = intensities }
        if case .order(let order)? = voxelOrder { settings.data.voxelOrder = order }
        if let spacing { settings.data.spacing = spacing }
        if let modality { settings.data.modality = modality }
        if noAugment { settings.data.augment = false }
        if let seed { settings.seed = seed }
        if let workers { settings.workers = workers }
        if let device = compute.device { settings.device = device }
        if let precision = compute.precision { settings.precision = precision }
    }

    private static func classes(_ configuration: RunConfiguration) -> String {
        guard configuration.data.classes > 1 else { return "one class" }
        return "\(configuration.data.classes) classes" + (configuration.data.classNames.map { " (\($0.joined(separator: ", ")))" } ?? "")
    }

    static func tell(_ report: PretrainedWeights.Report) {
        Console.note("initial weights: " + report.summary)
        for key in report.left.prefix(5) { Console.note("  left at its initial weights: \(key)") }
        for key in report.unused.prefix(5) { Console.note("  of the checkpoint, not used: \(key)") }
    }
}

/// Training on a terminal: a line for each epoch, below them a bar; elsewhere plain lines.
struct TrainingDisplay {
    func show(_ report: TrainingProgress) {
        switch report {
        case .step(.step(let epoch, let step, let loss, let rate), let steps, let epochs, let pace):
            let left = pace.secondsLeft.map(Console.time) ?? "?"
            Console.status(
                "epoch \(epoch)/\(epochs) \(Console.bar(Double(step) / Double(max(steps, 1)))) \(step)/\(steps)  "
                    + String(format: "loss %.4f  lr %.2e  %.1f img/s", loss, rate, pace.imagesPerSecond) + "  \(left) left")
        case .step:
            break
        case .evaluating(let done, let count):
            Console.status("validating \(Console.bar(Double(done) / Double(max(count, 1)))) \(done)/\(count)")
        case .epoch(let record):
            var line = String(format: "epoch %3d  train loss %.4f", record.epoch, record.trainLoss)
            if let loss = record.validationLoss { line += String(format: "  val loss %.4f", loss) }
            if let scores = record.scores { line += "  mIoU \(Console.percent(scores.miou))  DSC \(Console.percent(scores.dsc))" }
            Console.note(
                line + String(format: "  lr %.2e  ", record.learningRate) + Console.time(record.seconds) + (record.isBest ? "  best" : ""))
        }
    }
}
