import ArgumentParser
import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Evaluate: ToolCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Score weights on a data set, pooled over all pixels and picture by picture.",
        discussion: """
            Examples:
              vmunet evaluate --weights best.safetensors --data ISIC17 --dataset isic17
              vmunet evaluate --weights best.safetensors --data pictures --dataset folder --split test --json scores.json
              vmunet evaluate --weights hippocampus.safetensors --data Task04_Hippocampus --dataset nnunet --split val --tolerance 1
              vmunet evaluate --weights heart.safetensors --data ACDC --dataset synapse --spacing 10,1.4,1.4 --predictions labels
              vmunet evaluate --weights vessels.safetensors --data DRIVE --dataset folder --tile 256 --tta flips --csv scores.csv
              vmunet evaluate --weights best.safetensors --data slides --json scores.json --shard 2/8        share 2 of 8, as in an array of jobs
            """)

    @Option(
        help: """
            Weights, .pth or .safetensors, or a run's folder for its best; given several times, an ensemble whose probabilities are averaged. \
            The folder of a cross-validation stands for the ensemble of its folds.
            """)
    var weights: [String] = []

    @OptionGroup var choice: WeightsOptions

    @OptionGroup var set: DataFolderOptions

    @Option(
        help: """
            The part of the set to score, by default val. In Synapse's layout, a list's name, by default test_vol; in nnU-Net's, val is the part \
            that training holds back, fold1 and on are the others, test is imagesTs.
            """)
    var split: String?

    @OptionGroup var input: NetworkInputOptions

    @Option(help: "The least probability of a foreground pixel.")
    var threshold: Double?

    @OptionGroup var answer: AnswerOptions

    @Flag(help: "Score pictures at their own size instead of the network's. Tiles always do.")
    var ownSize = false

    @Flag(help: "Also measure the calibration of the probabilities: reliability diagram, ECE, Brier score. For pictures only.")
    var calibration = false

    @Flag(
        help: """
            Also measure the network's uncertainty about each picture, in three numbers (in the JSON and the table), and how well these find \
            the worst tenth: AUROC. For pictures only.
            """)
    var uncertainty = false

    @OptionGroup var files: DataOptions

    @Option(help: "Volumes: a folder for their predicted labels, as NAME.nii.gz.")
    var predictions: String?

    @Option(
        help: """
            Volumes: millimetres between slices, rows and columns, such as 3,0.8,0.8. Without it, those of each file; arrays have none, and HD95 is \
            in voxels.
            """, transform: VoxelSpacing.argument)
    var spacing: VoxelSpacing?

    @OptionGroup var axis: SliceAxisOption

    @Option(help: "Volumes: also the normalised surface Dice at this tolerance, in the unit of HD95.")
    var tolerance: Double?

    @OptionGroup var sharing: ShardOptions

    @OptionGroup var compute: ComputeOptions

    @OptionGroup package var telling: OutputOptions

    @Option(help: "Also write all scores, including each picture's, to this file as JSON; - prints them instead of the table.")
    var json: String?

    @Option(help: "Also write each picture's or volume's scores of each class to this file, as a table; - prints it instead.")
    var csv: String?

    package var computing: ComputeOptions? { compute }

    package init() {}

    package func validate() throws {
        try answer.check(imageSize: input.imageSize)
        try Require.threshold(threshold)
        if let tolerance, !(tolerance >= 0 && tolerance.isFinite) {
            throw ValidationError("--tolerance: expected 0 or more, got \(tolerance)")
        }
    }

    package func run() throws {
        guard !weights.isEmpty else { throw ValidationError("--weights is needed") }
        let shard = try sharing.chosen()
        if shard != nil { try requireFile() }
        let files = try RunWeights.files(weights)
        if json == "-", csv == "-" { throw ValidationError("--json - and --csv -: one of them can go to standard output") }
        try Require.writable([("--json", json == "-" ? nil : json), ("--csv", csv == "-" ? nil : csv)], keeping: files)
        for (option, file) in [("--json", json), ("--csv", csv)] { try Require.outside(set.data, file, option) }
        try Require.outside(set.data, predictions, "--predictions", isFolder: true)
        let segmenter = try Segmenter(
            ensemble: files, choosing: choice.set ?? .model, imageSize: input.imageSize, threshold: threshold,
            prediction: answer.prediction(measuresDoubt: uncertainty), compute: compute.compute, networks: Backend.current.networks)
        if isSpeaker(shard) { Console.tell(segmenter, files) }
        let settings = try self.files.settings(of: set, segmenter, axis)
        do { try score(settings, segmenter, WeightsDigest(of: files, now: false), shard) } catch let error as DataError {
            throw unfit(error, segmenter)
        } catch let error as NonFiniteScore {
            throw InputError("\(named): \(error)")
        }
    }

    private func score(_ settings: DataSettings, _ segmenter: Segmenter, _ digest: WeightsDigest, _ shard: Shard?) throws {
        let layout = settings.dataset.layout
        let split = self.split ?? layout.evaluationSplit
        if let volumes = try layout.volumes(settings, split: split, classNames: segmenter.classNames) {
            guard !calibration, !uncertainty, !ownSize else {
                throw ValidationError("--calibration, --uncertainty and --own-size are for pictures")
            }
            try answer.check(segmenter, hasVolumes: true)
            return try score(volumes, segmenter, digest, shares(shard, settings, split, segmenter, digest, ["\(volumes.count) volumes"]))
        }
        try answer.check(segmenter, hasVolumes: false)
        guard predictions == nil, spacing == nil, tolerance == nil else {
            throw ValidationError("--predictions, --spacing and --tolerance are for volumes")
        }
        let set = try layout.evaluationSet(settings, split: split)
        let findings = try set.verify()
        if isSpeaker(shard) { for note in findings { Console.note("note: " + note) } }
        var options = Evaluator.Options()
        (options.batchSize, options.threshold) = (min(input.batchSize, 8), segmenter.threshold)
        (options.ignoredLabel, options.classNames) = (settings.ignoredLabel, segmenter.classNames)
        options.loss.ignoredLabel = settings.ignoredLabel
        options.cleanUp = segmenter.cleanUp
        (options.measuresCalibration, options.measuresDoubt) = (calibration, uncertainty)
        if isSpeaker(shard), let work = try segmenter.work(set.sourceSizes) { Console.note(work) }
        let shares = try shares(shard, settings, split, segmenter, digest, (0..<set.count).map(set.name(at:)))
        let evaluator = Evaluator(set, options)
        let bar = WorkBar("scoring")
        let part = try evaluator.part(shard ?? .whole, segmenter, atOwnSize: ownSize || segmenter.isTiled) { bar.show($0, of: $1) }
        Console.status("")
        try join(part, shares) { parts in
            let result = evaluator.result(of: parts)
            try deliver(result, csv: result.csv, table: Self.table(result))
        }
    }

    /// Writes scores where the options want them, and the table to standard output unless one of
    /// them goes there.
    func deliver(_ scores: some Encodable, csv lines: String, table: String) throws {
        // Standard output comes first, so a disk that is full does not lose the scores. Nor does a full
        // standard output: it is said at the end.
        var failure: (any Error)?
        if json == "-" {
            do { try Console.json(scores) } catch { failure = error }
        } else {
            Console.out(csv == "-" ? lines.trimmed : table)
        }
        if let json, json != "-" { try AtomicFile.write(Array((JSONText.encode(scores) + "\n").utf8), to: URL(filePath: json)) }
        if let csv, csv != "-" { try AtomicFile.write(Array(lines.utf8), to: URL(filePath: csv)) }
        if let failure { throw failure }
    }

    /// The weights' files, for messages.
    private var named: String { weights.joined(separator: " + ") }

    /// Explains an error about labels by its likely cause, weights of another set.
    private func unfit(_ error: DataError, _ segmenter: Segmenter) -> any Error {
        guard [.labelOutOfRange, .greyMask].contains(error.kind) else { return error }
        let classes = segmenter.network.classes
        return InputError(
            "\(named): is a network of \(classes == 1 ? "one class" : "\(classes) classes"), which this set does not fit; name weights that were "
                + "trained on such a set, or correct it:\n\(error)")
    }

    /// The paper's columns, in percent.
    package static func table(_ result: EvaluationResult) -> String {
        func row(_ name: String, _ scores: BinaryScores) -> String {
            name.padded(to: 24)
                + BinaryMetric.all.map { pad(percent(scores[$0])) }.joined()
        }
        func pad(_ text: String) -> String { String(repeating: " ", count: max(0, 9 - text.count)) + text }
        var lines = [String(repeating: " ", count: 24) + BinaryMetric.all.map { pad($0.title + "%") }.joined()]
        lines.append(row("pooled over all pixels", result.pooled))
        lines.append(row("mean over pictures", result.perImageMean))
        for item in result.classes ?? [] { lines.append(row("  \(item.label) \(item.name ?? "")", item.scores)) }
        let empty = result.emptyPictures
        if empty.count > 0 {
            lines.append(
                "\(counted(empty.count, "picture is", "pictures are")) empty: \(empty.foundEmpty) predicted empty, left out of the mean over pictures; \(empty.withFindings) with findings, IoU 0"
            )
        }
        lines += Self.lines(result.calibration) + Self.lines(result.rankings)
        lines.append("loss \(fixedPoint(result.loss, digits: 4)) over \(counted(result.images.count, "picture"))")
        return lines.joined(separator: "\n")
    }
}
