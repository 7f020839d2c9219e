import ArgumentParser
import Files
import Foundation
import Imaging
import Segmentation
import TensorFiles

package struct Predict: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Segment pictures and volumes: a mask of each one's own size.",
        discussion: """
            Writes OUTPUT/NAME.png for each picture: 0 and 255, or the label's number where there are several classes. Volumes are segmented slice by slice \
            along their last axis (in .npy.h5 and .npz the first), into OUTPUT/NAME.nii.gz with the input's geometry. A picture that cannot be read \
            does not stop the others; it is told at the end, with exit code 65. With --raw, a .npy of float32 [B, C, H, W] goes into the network as it \
            is, and its logits come out.
            """)

    @Option(help: "Weights: .pth or .safetensors; without it those that VMUNET_WEIGHTS names or that come with the package.")
    var weights: String?

    @Argument(help: "Pictures (JPEG, PNG), volumes (.nii, .nii.gz; .npy.h5 and .npz with an array image), and folders of them.")
    var inputs: [String] = []

    @Option(name: .shortAndLong, help: "The folder for the masks; with --raw the .npy for the logits.")
    var output: String

    @Flag(help: "Also write NAME_overlay.png: the picture with the outline and a translucent fill; of a volume a sheet of some slices.")
    var overlay = false

    @Flag(help: "Also write NAME_probability.png: the foreground's probability in grey. Pictures alone.")
    var probabilities = false

    @Option(help: "Height and width at which the network sees pictures; without it the size that the weights were trained at.")
    var imageSize: Int?

    @Option(help: "The probability from which on a pixel is foreground.")
    var threshold: Double?

    @Option(
        parsing: .unconditional,
        help: """
            Volumes: which intensities become 0…1: LOW,HIGH, minmax, percentiles (0.5th to 99.5th) or none. Without it -125,275 for a network of Synapse's \
            classes, none for .npy.h5 and .npz, which hold 0…1, and percentiles otherwise.
            """)
    var window: IntensityWindow?

    @Option(help: "A .npy of float32 [B, C, H, W] to run through the network as it is.")
    var raw: String?

    @OptionGroup var compute: ComputeOptions

    package init() {}

    package func validate() throws {
        guard raw != nil || !inputs.isEmpty else { throw ValidationError("name at least one picture or folder") }
        guard raw == nil || inputs.isEmpty else { throw ValidationError("--raw takes the place of pictures") }
        try Require.imageSize(imageSize)
        try Require.threshold(threshold)
    }

    package func run() throws {
        guard let weights = weights.map({ URL(filePath: $0) }) ?? ShippedWeights.url() else {
            throw ValidationError(
                "--weights is needed: those that come with the package are not beside this tool, and \(ShippedWeights.variable) names none")
        }
        let segmenter = try Segmenter(
            weights: weights, imageSize: imageSize, threshold: threshold, compute: compute.compute, networks: Backend.current.networks)
        if let raw { return try runRaw(segmenter, URL(filePath: raw)) }

        let folder = URL(filePath: output)
        let pictures = try PictureList(inputs, output: folder) { [overlay, probabilities] isVolume in
            (isVolume ? [".nii.gz"] : [".png"]) + (overlay ? ["_overlay.png"] : [])
                + (probabilities && !isVolume ? ["_probability.png"] : [])
        }
        try Folder.make(folder, option: "--output")
        var failures: [String] = pictures.failures
        for (index, item) in pictures.items.enumerated() {
            Console.status(
                "segmenting \(Console.bar(Double(index) / Double(pictures.items.count))) \(index)/\(pictures.items.count)  \(item.url.lastPathComponent)"
            )
            do {
                if VolumeFile.isVolume(item.url) {
                    try segment(volume: item.url, name: item.name, with: segmenter, to: folder)
                    continue
                }
                let picture = try PictureFile.read(item.url)
                let result = try segmenter.segment(picture)
                try PictureFile.write(result.mask, to: folder.appending(path: item.name + ".png"))
                if overlay {
                    try PictureFile.write(
                        try Overlay.draw(result.mask, on: picture), to: folder.appending(path: item.name + "_overlay.png"))
                }
                if probabilities { try PictureFile.write(result.probability, to: folder.appending(path: item.name + "_probability.png")) }
            } catch let error as PictureError {
                if case .unwritable = error { throw error }
                failures.append("\(error)")
            } catch let error as DataError {
                failures.append("\(error)")
            } catch let error as InputError {
                failures.append("\(error)")
            }
        }
        Console.note(
            "\(pictures.items.count - failures.count + pictures.failures.count) of \(pictures.items.count) segmented, in \(folder.relativePath)"
        )
        guard failures.isEmpty else {
            throw InputError("\(failures.count) could not be segmented:\n" + failures.map { "  " + $0 }.joined(separator: "\n"))
        }
    }

    private func runRaw(_ segmenter: Segmenter, _ url: URL) throws {
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
        try NumPyFile.write(HostTensor(logits, shape: [B, segmenter.network.classes, H, W]), to: URL(filePath: output))
    }
}

/// The pictures that a list of files and folders names, each with the name for its results.
struct PictureList {
    struct Item {
        let url: URL
        let name: String
    }
    private(set) var items: [Item] = []
    /// What was named and is not there.
    private(set) var failures: [String] = []

    /// `endings` are what follows a name in its results' names, of a volume or a picture. Throws ``InputError`` if nothing is there, or a result would replace
    /// an input.
    init(_ inputs: [String], output: URL, endings: (_ isVolume: Bool) -> [String]) throws {
        let files = FileManager.default
        var urls: [URL] = []
        for input in inputs {
            let url = URL(filePath: input)
            var isFolder: ObjCBool = false
            guard files.fileExists(atPath: url.path, isDirectory: &isFolder) else {
                failures.append("\(input): there is no such file or folder; check the path")
                continue
            }
            guard isFolder.boolValue else {
                urls.append(url)
                continue
            }
            let inside = try files.contentsOfDirectory(at: url, includingPropertiesForKeys: nil, options: .skipsHiddenFiles)
                .filter { PictureFile.extensions.contains($0.pathExtension.lowercased()) || VolumeFile.isVolume($0) }
                .sorted { $0.lastPathComponent < $1.lastPathComponent }
            if inside.isEmpty { failures.append("\(input): no JPEG, PNG or volume in this folder; check the path") }
            urls += inside
        }
        // Two inputs of one name (a.jpg and a.png, or of two folders) must not overwrite each other's results; neither must a_overlay.png's mask a.png's overlay.
        var taken: Set<String> = []
        let sources = Set(urls.map(Self.place))
        for url in urls {
            let isVolume = VolumeFile.isVolume(url)
            let base = isVolume ? VolumeFile.name(of: url) : url.deletingPathExtension().lastPathComponent
            var name = base
            var number = 2
            while !taken.isDisjoint(with: endings(isVolume).map { name + $0 }) {
                name = "\(base)_\(number)"
                number += 1
            }
            let results = endings(isVolume).map { name + $0 }
            taken.formUnion(results)
            if let lost = results.map({ output.appending(path: $0) }).first(where: { sources.contains(Self.place($0)) }) {
                throw InputError("\(lost.relativePath): a result would replace this input; choose another --output")
            }
            items.append(Item(url: url, name: name))
        }
        if items.isEmpty, !failures.isEmpty { throw InputError(failures.joined(separator: "\n")) }
    }

    /// Where a file really is, by whichever path it was named.
    private static func place(_ url: URL) -> String {
        url.deletingLastPathComponent().resolvingSymlinksInPath().standardizedFileURL.appending(path: url.lastPathComponent).path
    }
}
