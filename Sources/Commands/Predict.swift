import ArgumentParser
import Files
import Imaging
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Predict: ToolCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Segment pictures and volumes. Masks have the size of their inputs.",
        discussion: """
            Examples:
              vmunet predict photo.jpg                          writes photo_mask.png beside the picture
              vmunet predict photo.jpg --output mask.png        writes that file
              vmunet predict pictures/ --output masks --overlay --recursive
              vmunet predict --weights best.safetensors ct.nii.gz --output segmented
              vmunet predict --weights one.safetensors --weights two.safetensors --tta flips --uncertainty photo.jpg
              vmunet predict pictures/ --output masks --shard 2/8          share 2 of 8, as in an array of jobs

            A mask holds 0 and 255 or, with several classes, the labels' numbers. Volumes are segmented slice by slice, in the voxel order \
            and intensity window that the weights were trained on, and written as .nii.gz with the input's geometry. In a folder, a result is \
            named like its input, NAME.png or NAME.nii.gz; inputs with equal names become FOLDER_NAME or NAME.ENDING. predictions.json beside the \
            results lists each input with its files, the classes found, the weights and the settings.

            An input that cannot be segmented does not stop the others; it is reported at the end, with exit code 65. With --raw, a .npy of float32 \
            [B, C, H, W] goes into the network unchanged, and its logits are written.
            """)

    @Option(
        help: """
            Weights, .pth or .safetensors, or a run's folder for its best; given several times, an ensemble whose probabilities are averaged. \
            The folder of a cross-validation stands for the ensemble of its folds. Default: those that the environment variable VMUNET_WEIGHTS \
            names, or the package's own.
            """)
    var weights: [String] = []

    @OptionGroup var choice: WeightsOptions

    @Argument(
        help: "Pictures, volumes (NIfTI, NRRD, MetaImage, DICOM; .npy.h5 and .npz with an array named image), and folders of them.")
    var inputs: [String] = []

    @Option(
        name: .shortAndLong,
        help: """
            A folder for the results, or a file for one input's mask (.png, .nii.gz); with --raw, the .npy for the logits. By default results go beside each \
            input, as NAME_mask.png or NAME_mask.nii.gz.
            """)
    var output: String?

    @Flag(help: "Search sub-folders too.")
    var recursive = false

    @Flag(help: "Also write NAME_overlay.png: the picture with the outline and a translucent fill; for a volume, a sheet of some slices.")
    var overlay = false

    @Flag(
        help: """
            Also write NAME_probability.png: the foreground's probability in grey. For a volume, a volume for each class: NAME_probability_1.nii.gz \
            and on.
            """)
    var probabilities = false

    @Flag(
        help: """
            Also write the network's uncertainty: the entropy of each pixel's probabilities as NAME_uncertainty.png (or a volume), and \
            three numbers in predictions.json.
            """)
    var uncertainty = false

    @Flag(
        help:
            "Also write NAME_statistics.csv and .json: each class's volume, intensities, and whether it touches the border. Volumes alone.")
    var statistics = false

    @Option(
        help: """
            Volumes: nii.gz, nrrd (.seg.nrrd), mha, dicom-seg or dicom-sc; without it the input's own kind, and .nii.gz for DICOM and arrays. The \
            last two are for DICOM series: a segmentation that archives keep beside the images, and the slices with outlines as a series (NAME_sc).
            """)
    var format: VolumeOutput?

    @Option(
        help:
            "The DICOM series to segment if a folder holds several: its number in the list that is shown without this option, or its UID."
    )
    var series: String?

    @Flag(
        help:
            "DICOM series: interpolate where slices are missing or unevenly spaced, take the first of two at one place, skip damaged files."
    )
    var resample = false

    @Option(help: "A table of class names and SNOMED codes for dicom-seg (docs/volumes.md), beside the one that comes with vmunet.")
    var segmentCodes: String?

    @Option(help: "Height and width of the network's input. Default: the size the weights were trained at.")
    var imageSize: Int?

    @Option(help: "The least probability of a foreground pixel. Default: the weights' own, or 0.5.")
    var threshold: Double?

    @OptionGroup var answer: AnswerOptions

    @OptionGroup var input: InputOptions

    @Flag(help: "Skip inputs that already have results from the same weights and settings. Shares always skip them, in a folder.")
    var skipDone = false

    @OptionGroup var sharing: ShardOptions

    @Flag(help: "Accept inputs of another kind than the weights were trained on, and replace existing results beside inputs.")
    var force = false

    @Option(help: "A .npy of float32 [B, C, H, W] to run through the network unchanged.")
    var raw: String?

    @Flag(help: "Print the results as one JSON object on standard output.")
    var json = false

    @OptionGroup var compute: ComputeOptions

    @OptionGroup package var telling: OutputOptions

    package var computing: ComputeOptions? { compute }

    package init() {}

    package func validate() throws {
        guard !inputs.contains("") else { throw ValidationError("an input is empty; is a variable of the shell unset?") }
        guard raw == nil || inputs.isEmpty else { throw ValidationError("--raw replaces pictures; give one or the other") }
        guard raw == nil || output != nil else { throw ValidationError("--raw needs --output, the .npy for the logits") }
        if raw != nil, let option = (resultOptions + volumeOptions).first {
            throw ValidationError("\(option): with --raw logits alone are written; leave it out")
        }
        try Require.imageSize(imageSize)
        try answer.check(imageSize: imageSize)
        guard raw == nil || answer.tile == nil else { throw ValidationError("--raw runs arrays as they are, without --tile") }
        try Require.threshold(threshold)
    }

    package func run() throws {
        // Not in validate(): the parser reports an unknown option only after it.
        guard raw != nil || !inputs.isEmpty else { throw ValidationError("name at least one picture, volume or folder") }
        let weights = try self.weights.isEmpty ? InstalledWeights.url().map { [$0] } ?? [] : RunWeights.files(self.weights)
        guard !weights.isEmpty else {
            throw ValidationError(
                "--weights is needed: the package's own are not beside this tool, and \(InstalledWeights.variable) names none")
        }
        if let raw, let output { return try runRaw(segmenter(weights), URL(filePath: raw), to: URL(filePath: output)) }
        let list = InputList(
            inputs, recursive: recursive, series: series, repairs: resample, leavesResults: output == nil,
            output: output.map { URL(filePath: $0) })
        let destination = try PredictionTarget(output, format: format, list: list)
        if list.resultsLeft > 0 {
            Console.note(
                "note: \(counted(list.resultsLeft, "result")) of earlier predictions beside \(list.resultsLeft == 1 ? "its input is" : "their inputs are") left out"
            )
        }
        if !list.items.isEmpty, !list.items.contains(where: \.isVolume), let option = volumeOptions.first {
            throw ValidationError(
                "\(option): is for volumes, and \(list.items.count == 1 ? "the input is a picture" : "all inputs are pictures"); leave it out"
            )
        }
        if list.items.isEmpty { throw InputError(list.failures.map { "\($0.path): \($0.reason)" }.joined(separator: "\n")) }
        let isRecorded = json || destination.recordFolder != nil || list.items.contains(where: \.isVolume)
        let digest = WeightsDigest(of: weights, now: isRecorded)
        let segmenter = try segmenter(weights)
        try answer.check(segmenter, hasVolumes: list.items.contains(where: \.isVolume))
        try destination.prepare()
        var batch = try PredictionBatch(self, list, segmenter, destination, weights: weights, digest: digest)
        try batch.run()
    }

    /// The given options that have no effect on raw logits.
    private var resultOptions: [String] {
        let given = [
            ("--overlay", overlay), ("--probabilities", probabilities), ("--uncertainty", uncertainty), ("--recursive", recursive),
            ("--skip-done", skipDone),
            ("--json", json),
            ("--threshold", threshold != nil),
        ]
        return given.filter(\.1).map(\.0)
    }

    /// The given options that apply to volumes only.
    private var volumeOptions: [String] {
        let given = [
            ("--format", format != nil && format != .png), ("--statistics", statistics), ("--series", series != nil),
            ("--resample", resample),
            ("--segment-codes", segmentCodes != nil), ("--window", input.window != nil), ("--voxel-order", input.voxelOrder != nil),
            ("--slice-axis", input.sliceAxis != nil),
        ]
        return given.filter(\.1).map(\.0)
    }

    private func segmenter(_ weights: [URL]) throws -> Segmenter {
        try Segmenter(
            ensemble: weights, choosing: choice.set ?? .model, imageSize: imageSize, threshold: threshold, input: input.convention,
            prediction: answer.prediction(measuresDoubt: uncertainty), compute: compute.compute, networks: Backend.current.networks)
    }

    private func runRaw(_ segmenter: Segmenter, _ url: URL, to output: URL) throws {
        let host = try NumPyFile.read(url)
        let shape = host.shape
        // Networks of three channels take grey pictures, too.
        let channels = segmenter.network.inputChannels, fitting = channels == 3 ? [3, 1] : [channels]
        guard host.elementType == .float32, shape.count == 4, fitting.contains(shape[1]), shape[0] > 0, shape[2] > 0, shape[3] > 0,
            shape[2].isMultiple(of: 32), shape[3].isMultiple(of: 32)
        else {
            let wanted = fitting.map(String.init).joined(separator: " or ")
            throw InputError(
                "\(url.relativePath): expected float32 [B, \(wanted), H, W] with H and W multiples of 32, got \(host.elementType) \(shape); save it in this form with numpy"
            )
        }
        let (B, H, W) = (shape[0], shape[2], shape[3])
        do { try Memory.ask(for: 8 * B * H * W * (shape[1] + segmenter.network.classes)) } catch {
            throw InputError("\(url.relativePath): \(error.reason); give fewer or smaller pictures")
        }
        let logits = try segmenter.network.logits(host.floats, batch: B, height: H, width: W)
        try NumPyFile.write(HostTensor(logits, shape: [B, segmenter.network.classes, H, W]), to: output)
    }
}
