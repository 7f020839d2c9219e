import ArgumentParser
import Files
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Tune: ToolCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Choose threshold, temperature and clean-up on validation data, and record in the weights those that pay.",
        discussion: """
            Each setting is chosen on one half of the pictures or volumes and scored on the other, both ways. It is kept if the pooled IoU (for \
            the temperature, the likelihood) gains beyond chance, by the 95 % interval of a paired bootstrap. A copy of the weights records the \
            settings that are kept, and predict and evaluate apply them. For pictures, the copy also records statistics of the training \
            pictures, and predict warns about pictures unlike them. If no setting pays and there are fewer than \(Familiarity.fewest) training \
            pictures, no file is written.

            Examples:
              vmunet tune --weights best.safetensors --data ISIC17 --dataset isic17
              vmunet tune --weights heart.safetensors --data ACDC --dataset nnunet --output heart_tuned.safetensors
            """)

    @Option(help: "Weights: .pth or .safetensors.")
    var weights: String

    @OptionGroup var choice: WeightsOptions

    @OptionGroup var set: DataFolderOptions

    @Option(help: "The part of the set to choose on, by default val. Picture statistics come from train.")
    var split: String?

    @Option(name: .shortAndLong, help: "The weights to write, .pth or .safetensors. Default: NAME_tuned.ENDING beside the weights.")
    var output: String?

    @OptionGroup var input: NetworkInputOptions

    @OptionGroup var files: DataOptions

    @OptionGroup var axis: SliceAxisOption

    @OptionGroup var compute: ComputeOptions

    @OptionGroup package var telling: OutputOptions

    @Flag(help: "Print the result as one JSON object on standard output.")
    var json = false

    package var computing: ComputeOptions? { compute }

    package init() {}

    package func run() throws {
        let source = URL(filePath: weights), target = try place(beside: source)
        try Require.writable(target.relativePath, "--output")
        var prediction = PredictionOptions()
        prediction.cleanUp = CleanUp.none
        let segmenter = try Segmenter(
            weights: source, choosing: choice.set ?? .model, imageSize: input.imageSize, prediction: prediction, compute: compute.compute,
            networks: Backend.current.networks)
        Console.tell(segmenter, [source])
        let settings = try files.settings(of: set, segmenter, axis)
        let layout = settings.dataset.layout, split = self.split ?? layout.evaluationSplit
        var tuner = Tuner(segmenter)
        var familiarity: Familiarity?
        if let volumes = try layout.volumes(settings, split: split, classNames: segmenter.classNames) {
            try collect(volumes, segmenter, into: &tuner)
        } else {
            let set = try layout.evaluationSet(settings, split: split)
            try set.verify()
            var options = Evaluator.Options()
            (options.batchSize, options.ignoredLabel) = (min(input.batchSize, 8), settings.ignoredLabel)
            let bar = WorkBar("predicting")
            try tuner.add(set, segmenter, options) { bar.show($0, of: $1) }
            do { familiarity = try Familiarity(of: layout.trainingData(settings, seed: 0).training) } catch let error as DataError {
                Console.note("note: no looks of training pictures: \(error.problems.joined(separator: "; "))")
            }
        }
        Console.status("")
        if tuner.count < Tuner.fewest {
            Console.note(
                "note: \(counted(tuner.count, "case")) cannot show whether a setting pays beyond chance: at least \(Tuner.fewest) are needed, "
                    + "so none is chosen")
        }
        let found = try tuner.tune(named: set.data)
        let isWritten = found.threshold != nil || found.temperature != nil || found.cleanUp != nil || familiarity != nil
        if isWritten { try write(found, familiarity, from: source, to: target) }
        if json { try Console.json(found) } else { Console.out(Self.table(found)) }
        Console.note(
            isWritten
                ? "written to \(target.relativePath)" + (familiarity == nil ? "" : ", with what the training pictures look like")
                : (tuner.count < Tuner.fewest ? "" : "nothing pays: ") + "no weights are written")
    }

    /// The file to write.
    private func place(beside source: URL) throws -> URL {
        if let output {
            guard WeightsFile.Format(url: URL(filePath: output)) != nil else {
                throw ValidationError("--output: expected a name that ends in .pth, .pt or .safetensors, got \(output)")
            }
            return URL(filePath: output)
        }
        let ending = source.pathExtension
        let name = source.deletingPathExtension().lastPathComponent + "_tuned." + (ending.isEmpty ? "safetensors" : ending)
        let target = source.deletingLastPathComponent().appending(path: name)
        guard !FileManager.default.fileExists(atPath: target.path) else {
            throw InputError("\(target.relativePath) exists already; name a file with --output")
        }
        return target
    }

    private func collect(_ volumes: any VolumeDataset, _ segmenter: Segmenter, into tuner: inout Tuner) throws {
        let evaluator = VolumeEvaluator(volumes, segmenter: VolumeSegmenter(segmenter, batchSize: input.batchSize), metrics: [.dice])
        let bar = WorkBar("predicting")
        _ = try evaluator.evaluate { progress in
            bar.show(progress.share, "volume \(progress.volume + 1)/\(progress.volumes)")
        } keep: { volume, prediction in
            try tuner.add(
                prediction.leavingOut(volumes.ignoredLabel, of: volume.label),
                truth: volume.label.leavingOut(volumes.ignoredLabel, of: volume.label),
                voxelVolume: volume.spacing?.voxelVolume)
        }
    }

    /// Writes the weights with the settings that were kept.
    private func write(_ found: Tuning, _ familiarity: Familiarity?, from source: URL, to target: URL) throws {
        var kept = try NetworkWeights.read(source, choosing: choice.set ?? .model)
        if let threshold = found.threshold { kept.metadata["threshold"] = .number(threshold) }
        if let temperature = found.temperature { kept.metadata["temperature"] = .number(temperature) }
        kept.metadata["clean_up"] = found.cleanUp.map { .string($0) }
        if let familiarity { kept.metadata["picture_statistics"] = .string(familiarity.description) }
        try WeightsFile.write(kept, to: target)
    }

    /// A line for each setting.
    static func table(_ tuning: Tuning) -> String {
        let lines = tuning.steps.map { step in
            let isShare = step.measure == "pooled IoU"
            func text(_ value: Double) -> String { isShare ? percent(value) + " %" : fixedPoint(value, digits: 4) }
            return "\(step.name): \(step.isKept ? "\(step.from) → \(step.to)" : "stays \(step.from) (best \(step.to))"), \(step.measure) "
                + "\(text(step.before)) → \(text(step.after)), difference \(text(step.low)) to \(text(step.high))"
        }
        return (["\(counted(tuning.cases, "case")), each setting chosen on one half and scored on the other"] + lines).joined(
            separator: "\n")
    }
}
