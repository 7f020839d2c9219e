import ArgumentParser
import Imaging
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Predict: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Segment pictures and volumes: a mask of each one's own size.",
        discussion: """
            Examples:
              vmunet predict photo.jpg                          writes photo_mask.png beside the picture
              vmunet predict photo.jpg --output mask.png        writes that file
              vmunet predict pictures/ --output masks --overlay --recursive
              vmunet predict --weights best.safetensors ct.nii.gz --output segmented

            A mask holds 0 and 255, or the label's number where there are several classes. Volumes are segmented slice by slice, in the voxel order \
            and with the intensity window that the weights were trained on, and come out as .nii.gz with the input's geometry. In a folder a result \
            is called as its input, NAME.png or NAME.nii.gz; where two inputs have one name, FOLDER_NAME or NAME.ENDING. predictions.json beside the \
            results says which file came from which input, what was found, and by which weights and settings.

            An input that cannot be segmented does not stop the others; it is told at the end, with exit code 65. With --raw, a .npy of float32 \
            [B, C, H, W] goes into the network as it is, and its logits come out.
            """)

    @Option(help: "Weights: .pth or .safetensors; without it those that VMUNET_WEIGHTS names or that come with the package.")
    var weights: String?

    @Argument(help: "Pictures, volumes (.nii, .nii.gz; .npy.h5 and .npz with an array image), and folders of them.")
    var inputs: [String] = []

    @Option(
        name: .shortAndLong,
        help: """
            A folder for the results; for one input also a file, .png or .nii.gz; with --raw the .npy for the logits. Without it results go beside each \
            input, as NAME_mask.png or NAME_mask.nii.gz.
            """)
    var output: String?

    @Flag(help: "Look into sub-folders, too.")
    var recursive = false

    @Flag(help: "Also write NAME_overlay.png: the picture with the outline and a translucent fill; of a volume a sheet of some slices.")
    var overlay = false

    @Flag(help: "Also write NAME_probability.png: the foreground's probability in grey. Pictures alone.")
    var probabilities = false

    @Option(help: "Height and width at which the network sees pictures; without it the size that the weights were trained at.")
    var imageSize: Int?

    @Option(help: "The probability from which on a pixel is foreground; without it the weights' own, or 0.5.")
    var threshold: Double?

    @OptionGroup var input: InputOptions

    @Flag(help: "Leave out inputs whose results are there already, made by the same weights and settings.")
    var skipDone = false

    @Flag(help: "Go on where the input is of another kind than the weights were trained on, and replace results beside their inputs.")
    var force = false

    @Option(help: "A .npy of float32 [B, C, H, W] to run through the network as it is.")
    var raw: String?

    @Flag(help: "Print what was found as one JSON object on standard output.")
    var json = false

    @OptionGroup var compute: ComputeOptions

    @OptionGroup var telling: OutputOptions

    package init() {}

    package func validate() throws {
        guard raw != nil || !inputs.isEmpty else { throw ValidationError("name at least one picture, volume or folder") }
        guard raw == nil || inputs.isEmpty else { throw ValidationError("--raw takes the place of pictures") }
        guard raw == nil || output != nil else { throw ValidationError("--raw needs --output, the .npy for the logits") }
        try Require.imageSize(imageSize)
        try Require.threshold(threshold)
    }

    package func run() throws {
        guard let weights = weights.map({ URL(filePath: $0) }) ?? ShippedWeights.url() else {
            throw ValidationError(
                "--weights is needed: those that come with the package are not beside this tool, and \(ShippedWeights.variable) names none")
        }
        if let raw, let output { return try runRaw(segmenter(weights), URL(filePath: raw), to: URL(filePath: output)) }
        let list = InputList(inputs, recursive: recursive)
        let destination = try PredictionTarget(output, list: list)
        if list.items.isEmpty { throw InputError(list.failures.map { "\($0.path): \($0.reason)" }.joined(separator: "\n")) }
        let digest = WeightsDigest(of: weights)
        let segmenter = try segmenter(weights)
        try destination.prepare()
        var batch = try PredictionBatch(self, list, segmenter, destination, weights: weights, digest: digest)
        try batch.run()
    }

    private func segmenter(_ weights: URL) throws -> Segmenter {
        try Segmenter(
            weights: weights, imageSize: imageSize, threshold: threshold, input: input.convention, compute: compute.compute,
            networks: Backend.current.networks)
    }

    private func runRaw(_ segmenter: Segmenter, _ url: URL, to output: URL) throws {
        let host = try NumPyFile.read(url)
        let shape = host.shape
        guard host.elementType == .float32, shape.count == 4, [1, 3].contains(shape[1]), shape[0] > 0, shape[2] > 0, shape[3] > 0,
            shape[2].isMultiple(of: 32), shape[3].isMultiple(of: 32)
        else {
            throw InputError(
                "\(url.relativePath): expected float32 [B, 3 or 1, H, W] with H and W multiples of 32, got \(host.elementType) \(shape); save it so with numpy"
            )
        }
        let (B, H, W) = (shape[0], shape[2], shape[3])
        let logits = try segmenter.network.logits(host.floats, batch: B, height: H, width: W)
        try NumPyFile.write(HostTensor(logits, shape: [B, segmenter.network.classes, H, W]), to: output)
    }
}
