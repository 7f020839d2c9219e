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

struct Train: ToolCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train on a set of pictures and masks.",
        discussion: """
            Settings come from --config, or else are the data set's published ones; command-line options override both. The run's folder holds \
            config.yaml, metrics.jsonl, TensorBoard events and checkpoints. --resume continues a stopped run, bit for bit as if it had never stopped. \
            tensorboard --logdir RUN and vmunet report RUN show the curves. The defaults below are those for a folder of pictures.

            Examples:
              vmunet train --data pictures --preset small --run runs/first
              vmunet train --data pictures --auto
              vmunet train --data pictures --init vmamba_small_e238_ema.pth --epochs 100 --batch-size 8
              vmunet train --resume --run runs/first --epochs 200
              mpirun -n 4 ./vmunet train --data pictures --run runs/first          one run on four processes (docs/machines.md)
            """)

    /// The settings for a folder of pictures if nothing else is given.
    static let usual = RunConfiguration(.folder)

    @Option(help: "Settings in YAML.")
    var config: String?

    @OptionGroup var options: TrainingOptions

    @Flag(
        help: """
            Choose image or patch size, preset, batch size and balance for the set and this machine, as check advises, where neither an option \
            nor --config gives them. The run's config.yaml keeps the choice.
            """)
    var auto = false

    @Option(help: "The highest rate of stochastic depth. Default: \(Self.usual.vmunet?.dropPath ?? 0).")
    var dropPath: Double?

    @Flag(help: "Train without augmentation.")
    var noAugment = false

    @Option(
        help:
            "For a set without val: the share of pictures, or patients, to hold back for validation; 0 trains on all. Default: \(Self.usual.data.validationFraction)."
    )
    var validationFraction: Double?

    @OptionGroup var files: DataOptions

    @Option(
        help: "Slices and volumes: the directions of columns, rows and slices, such as RAS. Stored with the weights.",
        transform: VoxelOrderOption.argument)
    var voxelOrder: VoxelOrderOption?

    @Option(
        help:
            "Slices and volumes: millimetres between slices, rows and columns; volumes' slices are resampled to it. Stored with the weights.",
        transform: VoxelSpacing.argument)
    var spacing: VoxelSpacing?

    @Option(help: "Volumes: neighbouring slices on each side, as further channels. Default: 1, if the input's channels allow it.")
    var neighbors: Int?

    @Option(
        help: ArgumentHelp(
            "The fold that validates, from 0, of how many: 0/5. crossvalidate trains them all. Volumes may leave out the number: 0.",
            valueName: "fold"), transform: FoldOption.argument)
    var fold: FoldOption?

    @OptionGroup var groups: GroupOptions

    @Option(help: "The kind of pictures, such as CT or dermoscopy. Stored with the weights.")
    var modality: String?

    @Option(help: "Threads that prepare pictures during training. Default: as many as suit the machine.")
    var workers: Int?

    @OptionGroup var sharing: ProcessOptions

    @OptionGroup var telling: OutputOptions

    @Option(name: .customLong("run"), help: "The run's folder. Default: runs/DATASET-DATE.")
    var runFolder: String?

    @Flag(help: "Continue the run in --run with its own settings.")
    var resume = false

    @Flag(help: "Print the run's folder, end and best epoch as one JSON object on standard output.")
    var json = false

    var computing: ComputeOptions? { options.compute }

    func run() throws {
        try sharing.run(threads: options.compute.threads) { try train(among: $0) }
    }

    private func train(among processes: Processes) throws {
        try options.prepare()
        let dataset =
            try config == nil && !self.resume
            ? options.data.map { try Dataset.chosen(options.dataset, for: $0) } ?? options.dataset : options.dataset
        let folder = try chosenFolder(dataset)
        let resume =
            self.resume
            || ProcessOptions.isRequeued && FileManager.default.fileExists(atPath: RunFolder(existing: folder).configuration.path)
        let stop =
            processes.count == 1
            ? StopSignal(also: [SIGUSR1])
            : StopSignal(
                "stopping: all processes save after this step; if one has died, the run ends now, and --resume goes on", also: [SIGUSR1])
        var configuration = resume ? try resumed(RunFolder(existing: folder)) : try settings(dataset)
        var sets = try TrainingData(configuration)
        if auto, !resume {
            guard processes.count == 1 else {
                throw ValidationError("--auto is for one process; give the settings that check prints")
            }
            let data = configuration.data
            configuration = try advised(configuration, samples: sets.training.count)
            if configuration.data != data { sets = try TrainingData(configuration) }
        }
        let findings = try sets.verify()
        for note in sets.notes + findings { Console.note("note: " + note) }
        try processes.requireSame(configuration, sets, ["--resume": resume, "--compile-graph": options.compute.compileGraph])
        let trainer: Trainer
        if resume {
            trainer = try Trainer.resume(
                configuration, in: folder, data: sets, compileGraph: options.compute.compileGraph, processes: processes)
            if trainer.isFinished {
                Console.note(
                    "\(folder.relativePath) is finished after \(counted(trainer.position.epoch, "epoch")); a larger --epochs continues it")
                return try processes.rank == 0 ? tell(RunFolder(existing: folder), .finished, epochs: trainer.position.epoch) : ()
            }
            Console.note("resuming \(folder.relativePath) after epoch \(trainer.position.epoch), step \(trainer.position.step)")
        } else {
            let begun = try Trainer.begin(
                configuration, in: folder, data: sets, compileGraph: options.compute.compileGraph, processes: processes)
            trainer = begun.trainer
            if let report = begun.initialWeights { Self.tell(report) }
        }
        Console.note(
            "\(Self.network(configuration)) of \(Self.classes(configuration)), \(counted(sets.training.count, "picture")) to train on, "
                + "\(sets.validation?.count ?? 0) to validate, "
                + (configuration.data.patchSize == nil ? "" : "patches of ")
                + "\(configuration.data.imageSize)×\(configuration.data.imageSize), run in \(folder.relativePath)"
                + (processes.count > 1 ? ", on \(processes.count) processes by \(Processes.library)" : ""))
        if let route = trainer.gradientRoute { Console.note("note: " + route) }
        let display = TrainingDisplay()
        var estimate = auto ? RunEstimate(pictures: sets.training.count) : nil
        let outcome: Trainer.Outcome
        do {
            outcome = try trainer.run(savingEvery: sharing.savingEvery, shouldStop: { stop.isSet }) { progress in
                estimate?.tell(progress)
                display.show(progress)
            }
        } catch let error as DataError {
            throw InputError("\(error)\nProgress is saved; once this is fixed, continue with:  \(Self.resumption(folder))")
        }
        if processes.rank == 0 { try tell(RunFolder(existing: folder), outcome, epochs: trainer.position.epoch) }
        switch outcome {
        case .finished: Console.note("done; best weights in \(RunFolder(existing: folder).best.relativePath)")
        case .stoppedEarly:
            Console.note("no better validation loss in \(configuration.earlyStopping ?? 0) evaluations; stopped, best weights kept")
        case .interrupted:
            Console.note("stopped and saved; continue with:  \(Self.resumption(folder))")
            throw ExitCode(ExitStatus.interrupted)
        }
    }

    /// The output of `--json`.
    private struct Summary: Encodable {
        let run: String
        /// "finished", "stopped_early" or "interrupted".
        let outcome: String
        let epochs: Int
        /// The epoch whose weights are in `weights`; nil if none was evaluated.
        let best: TrainingEvent?
        let weights: String
    }

    private func tell(_ run: RunFolder, _ outcome: Trainer.Outcome, epochs: Int) throws {
        guard json else { return }
        let ending =
            switch outcome {
            case .finished: "finished"
            case .stoppedEarly: "stopped_early"
            case .interrupted: "interrupted"
            }
        let best = try run.events().last { event in
            if case .epoch(let record) = event { record.isBest } else { false }
        }
        try Console.json(
            Summary(run: run.url.relativePath, outcome: ending, epochs: epochs, best: best, weights: run.best.relativePath))
    }

    private static func resumption(_ folder: URL) -> String {
        let launcher = Launcher.place.map { "mpirun -n \($0.count) " } ?? ""
        return "\(launcher)\(Invocation.name) train --resume --run \(folder.relativePath)"
    }

    private func chosenFolder(_ dataset: Dataset?) throws -> URL {
        if let runFolder { return URL(filePath: runFolder) }
        guard !resume else { throw ValidationError("--resume needs --run, the folder of the run to continue") }
        let stamp = Date.now.formatted(
            .iso8601.year().month().day().dateSeparator(.omitted).time(includingFractionalSeconds: false).timeSeparator(.omitted))
        return URL(filePath: "runs/\(dataset?.rawValue ?? "run")-\(stamp)")
    }

    private func settings(_ dataset: Dataset?) throws -> RunConfiguration {
        let file = config.map { URL(filePath: $0) }
        var settings = try file.map { try RunConfiguration(yamlFile: $0, dataset: dataset) } ?? RunConfiguration(dataset ?? .folder)
        if file == nil, dataset == nil { throw ValidationError("--data is needed: the data set's folder (or --config)") }
        try apply(to: &settings, dataset)
        guard !settings.data.path.isEmpty else { throw ValidationError("--data is needed: the data set's folder") }
        let given = try file.map { try RunConfiguration.lines(inYAMLFile: $0) } ?? [:]
        let classes = options.givenClasses(given.keys)
        try settings.takeClassesFromSet(givenCount: classes.count, givenNames: classes.names)
        try settings.takePlanFromSet(givenSize: options.imageSize != nil || given["data.image_size"] != nil)
        do {
            try settings.validate()
            return try settings.completed()
        } catch let error as RunConfigurationError {
            if let fault = error.fault(of: config ?? "", lines: given) { throw fault }
            throw ValidationError("\(error)")
        }
    }

    /// The run's own settings, with those that may change: the data's folder, the number of epochs,
    /// the device.
    private func resumed(_ run: RunFolder) throws -> RunConfiguration {
        guard FileManager.default.fileExists(atPath: run.configuration.path) else {
            throw FileError(
                .missing, file: run.url.relativePath, reason: "it holds no run",
                remedy: "name a run's folder, or start a run without --resume")
        }
        let saved = try RunConfiguration(yamlFile: run.configuration)
        var wanted = saved
        if config != nil { wanted = try settings(options.dataset) } else { try apply(to: &wanted, options.dataset) }
        try keepDecisions(of: saved, in: &wanted)
        var configuration = saved
        configuration.data.path = wanted.data.path
        configuration.epochs = wanted.epochs
        configuration.device = wanted.device
        configuration.workers = wanted.workers
        if let difference = try wanted.difference(from: configuration) {
            throw ValidationError(
                "a resumed run keeps its own settings, but the options give \(difference); leave them out, or start another run"
            )
        }
        do { try configuration.validate() } catch { throw ValidationError("\(error)") }
        return configuration
    }

    /// Applies the given options to the settings.
    private func apply(to settings: inout RunConfiguration, _ dataset: Dataset?) throws {
        try options.apply(to: &settings)
        if let dataset { settings.data.dataset = dataset }
        if let dropPath {
            guard settings.vmunet != nil else { throw ValidationError("--drop-path belongs to VM-UNet") }
            settings.vmunet?.dropPath = dropPath
        }
        if let validationFraction { settings.data.validationFraction = validationFraction }
        files.apply(to: &settings.data)
        if case .order(let order)? = voxelOrder { settings.data.voxelOrder = order }
        if let spacing { settings.data.spacing = spacing }
        if let neighbors { settings.data.neighbors = neighbors }
        if let fold {
            settings.data.fold = fold.fold
            if let folds = fold.folds { settings.data.folds = folds }
        }
        groups.apply(to: &settings.data)
        if let modality { settings.data.modality = modality }
        if noAugment { settings.data.augment = false }
        if let workers { settings.workers = workers }
    }

    private static func network(_ configuration: RunConfiguration) -> String {
        (configuration.vmunet.map { $0.preset?.rawValue ?? "custom" } ?? configuration.network.name) + " network"
    }

    private static func classes(_ configuration: RunConfiguration) -> String {
        guard configuration.data.classes > 1 else { return "one class" }
        return "\(configuration.data.classes) classes" + (configuration.data.classNames.map { " (\($0.joined(separator: ", ")))" } ?? "")
    }

    static func tell(_ report: PretrainedWeights.Report) {
        Console.note("initial weights: " + report.summary)
        for text in report.notes { Console.note("note: initial weights: \(text)") }
        for line in report.words { Console.note("  " + line) }
        for key in report.unused.prefix(5) { Console.note("  in the checkpoint, not used: \(key)") }
    }
}

/// Training progress: on a terminal a line per epoch and a bar below, elsewhere plain lines.
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
            if let scores = record.scores { line += "  mIoU \(percent(scores.miou))  DSC \(percent(scores.dsc))" }
            Console.note(
                line + String(format: "  lr %.2e  ", record.learningRate) + Console.time(record.seconds) + (record.isBest ? "  best" : ""))
        }
    }
}
