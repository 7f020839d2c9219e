import ArgumentParser
import Files
import Segmentation
import TensorFiles
import VMUNet

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Dataset: ExpressibleByArgument {}
extension Compute.Precision: ExpressibleByArgument {}
extension Compute.Device: ExpressibleByArgument {}
extension VMUNetConfiguration.Preset: ExpressibleByArgument {}

/// The device, precision and threads of the network.
package struct ComputeOptions: ParsableArguments {
    @Option(help: "The device; auto takes a GPU if there is one.")
    package var device: Compute.Device?

    @Option(help: "Matrix products in float32 or bfloat16.")
    package var precision: Compute.Precision?

    @Flag(help: "On a GPU: float32 products with TF32's ten bits of mantissa, faster and less exact.")
    package var tf32 = false

    @Flag(help: "Record the network's work on the GPU and replay it as one launch (CUDA graphs).")
    package var compileGraph = false

    @Option(help: "Threads on the CPU. Default: chosen for the machine.")
    package var threads: Int?

    @Flag(
        help: "Compute with libtorch on the CPU too, which networks other than VM-UNet need. ./vmunet then runs the program with libtorch.")
    package var libtorch = false

    package init() {}

    package func validate() throws {
        if libtorch, !Backend.current.hasLibtorch {
            throw ValidationError("--libtorch: this program is built without it; run the command with vmunet-train, as ./vmunet does")
        }
        try Require.threads(threads)
        for (isAsked, name) in gpuOptions where isAsked {
            if device == .cpu { throw ValidationError("\(name): needs a GPU; leave it out with --device cpu") }
        }
    }

    /// Warns and continues: without a GPU these options have no effect.
    func noteWhatHasNoEffect() {
        for (isAsked, name) in gpuOptions where isAsked && device != .cuda && !Backend.current.isGPUPresent() {
            Console.note("note: \(name) changes nothing without a GPU")
        }
    }

    private var gpuOptions: [(isAsked: Bool, name: String)] { [(tf32, "--tf32"), (compileGraph, "--compile-graph")] }

    /// The options as one value, with defaults for those not given.
    package var compute: Compute {
        Compute(
            device: device ?? .auto, precision: precision ?? .fp32, compileGraph: compileGraph, allowsTF32: tf32,
            threads: threads ?? Launcher.threads)
    }
}

/// The amount of output.
package struct OutputOptions: ParsableArguments {
    @Flag(help: "Print only errors on standard error.")
    package var quiet = false

    package init() {}
}

extension WeightsChoice: ExpressibleByArgument {
    /// Reads it like `WeightsChoice.init(name:)`.
    public init?(argument: String) { self.init(name: argument) }
}

/// The weights to take from a checkpoint that holds several sets.
package struct WeightsOptions: ParsableArguments {
    @Option(
        name: .customLong("weights-set"),
        help: "The weights to take from a checkpoint with several sets: model, average (EMA, SWA) or a set's name. Default: model.")
    package var set: WeightsChoice?

    package init() {}
}

extension Console {
    /// Prints which weights are used, and the notes from reading them.
    static func tell(_ segmenter: Segmenter, _ weights: [URL]) {
        let short = weights.map(\.lastPathComponent)
        let names = Set(short).count == short.count ? short : weights.map(\.relativePath)
        let name = names[0]
        note("weights: \(name), " + (segmenter.metadata.summary ?? "without a record of what they were trained on"))
        if weights.count > 1 { note("ensemble with " + names.dropFirst().joined(separator: ", ")) }
        for text in segmenter.notes { note("note: \(name): \(text)") }
        if segmenter.prediction.augmentation != .none, segmenter.metadata.dataset == .nnunet {
            note("note: --tta mirrors slices, and training with --dataset nnunet never does: compare evaluate's scores with and without it")
        }
    }
}

extension Dataset {
    /// The layout that the user names; otherwise the one recognised from the folder, with a note.
    package static func chosen(_ given: Dataset?, for data: String) throws -> Dataset {
        let folder = URL(filePath: data)
        if FolderListing.isFolder(folder), !FolderListing.isReadable(folder) {
            throw InputError("\(data): this folder cannot be listed; change its permissions")
        }
        guard FileManager.default.fileExists(atPath: folder.path) else {
            throw InputError("\(data): there is no such folder; check the path")
        }
        guard FolderListing.isFolder(folder) else {
            throw InputError("\(data): is a file, where a data set's folder is wanted; predict segments single files")
        }
        if let given { return given }
        guard let found = Dataset(recognising: folder) else {
            if let closed = FolderListing.unreadable(in: folder) {
                throw InputError("\(closed.relativePath): this folder cannot be listed; change its permissions")
            }
            if let pictures = NNUNetPictures.advice(for: folder) { throw InputError("\(data): \(pictures.problem); \(pictures.remedy)") }
            throw ValidationError(
                "--dataset is needed, since \(data) holds no known folders, such as train/images with train/masks: \(DatasetLayouts.names)")
        }
        Console.note("data set: \(found.rawValue), judging by the layout of \(data); --dataset overrides this")
        return found
    }
}

extension DataSettings.Intensities: ExpressibleByArgument {}

extension IntensityWindow: ExpressibleByArgument {
    /// Reads it like `IntensityWindow.init(_:)`.
    public init?(argument: String) { self.init(argument) }
}

extension VoxelSpacing: ExpressibleByArgument {
    /// Reads it like `VoxelSpacing.init(text:)`.
    public init?(argument: String) { self.init(text: argument) }
}

extension ExpressibleByArgument {
    /// Reads a value. The error names the expected form; the parser puts the option's name before
    /// it.
    package static func reading(_ expected: String) -> @Sendable (String) throws -> Self {
        { text in
            guard let value = Self(argument: text) else { throw ValidationError("expected " + expected) }
            return value
        }
    }
}

extension IntensityWindow {
    /// Reads the value of --window.
    @Sendable package static func argument(_ text: String) throws -> IntensityWindow {
        try reading("LOW,HIGH with LOW below HIGH, minmax, percentiles or none")(text)
    }
}

extension VoxelSpacing {
    /// Reads the value of --spacing.
    @Sendable package static func argument(_ text: String) throws -> VoxelSpacing {
        try reading("three numbers above 0 such as 3,0.8,0.8: millimetres between slices, rows and columns")(text)
    }
}

/// "RAS", or "stored" to keep the file's order.
package enum VoxelOrderOption: ExpressibleByArgument, Equatable {
    case order(VoxelOrder)
    case stored

    /// Reads the value of --voxel-order.
    @Sendable package static func argument(_ text: String) throws -> VoxelOrderOption {
        try reading("three letters such as RAS, one each of L or R, A or P, S or I; or stored")(text)
    }

    package init?(argument: String) {
        if argument == "stored" {
            self = .stored
        } else if let order = VoxelOrder(argument) {
            self = .order(order)
        } else {
            return nil
        }
    }
}

/// "0,255" or "0,1".
package enum ValueRangeOption: String, ExpressibleByArgument {
    case byte = "0,255"
    case unit = "0,1"

    var scale: Float { self == .byte ? 255 : 1 }
}

/// The form of the network's input, if the weights do not record it or the user overrides it.
package struct InputOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: """
            Volumes: the intensities to map to 0…1: LOW,HIGH, minmax, percentiles (0.5th to 99.5th) or none. Default: the weights' own; \
            arrays in .npy.h5 and .npz hold 0…1 already.
            """, transform: IntensityWindow.argument)
    package var window: IntensityWindow?

    @Option(
        help: "Volumes: the voxel order to turn to, such as RAS, or stored to keep the file's. Default: the weights' own.",
        transform: VoxelOrderOption.argument)
    package var voxelOrder: VoxelOrderOption?

    @Option(help: "The range of the network's input, 0,255 or 0,1. Default: the weights' own.")
    package var valueRange: ValueRangeOption?

    @Option(help: "Volumes: the file's axis across slices, 1 to 3. Default: 3 for NIfTI, 1 for arrays.")
    package var sliceAxis: Int?

    package init() {}

    package func validate() throws { if let sliceAxis { try Require.count(sliceAxis, "--slice-axis", upTo: 3) } }

    package var convention: InputConvention.Options {
        var options = InputConvention.Options()
        options.window = window
        if case .order(let order)? = voxelOrder { options.voxelOrder = order }
        options.keepsStoredOrder = voxelOrder == .stored || sliceAxis != nil
        options.scale = valueRange?.scale
        return options
    }
}

/// Checks that several commands share; each throws a message for the command line's user.
package enum Require {
    package static func imageSize(_ size: Int?, upTo most: Int = Segmenter.imageSizes.upperBound) throws {
        try self.size(size, "--image-size", upTo: most)
    }

    package static func size(_ size: Int?, _ option: String, upTo most: Int = Segmenter.imageSizes.upperBound) throws {
        guard let size, !(32...most).contains(size) || !size.isMultiple(of: 32) else { return }
        throw ValidationError("\(option): expected a multiple of 32 from 32 to \(most), got \(size)")
    }

    package static func threshold(_ value: Double?) throws {
        guard let value, !(value > 0 && value < 1) else { return }
        throw ValidationError("--threshold: expected more than 0 and less than 1, got \(value)")
    }

    package static func threads(_ count: Int?) throws { if let count { try self.count(count, "--threads", upTo: 1024) } }

    package static func share(_ value: Double?, _ option: String) throws {
        guard let value, !(value > 0 && value < 1) else { return }
        throw ValidationError("\(option): expected more than 0 and less than 1, got \(value)")
    }

    /// Throws unless the file that an option names can be written, so that no work is done in vain.
    package static func writable(_ file: String?, _ option: String) throws {
        guard let file else { return }
        guard !file.isEmpty else { throw ValidationError("\(option): expected a file, got an empty name") }
        let url = URL(filePath: file)
        guard !FolderListing.isFolder(url) else { throw InputError("\(file): is a folder, where \(option) names a file; add a name") }
        let folder = url.deletingLastPathComponent()
        guard FolderListing.isFolder(folder) else {
            let isThere = FileManager.default.fileExists(atPath: folder.path)
            let problem = isThere ? "\(folder.relativePath) is a file, not a folder; " : "its folder does not exist; create it, or "
            throw InputError("\(file): \(problem)choose another \(option)")
        }
        guard FileManager.default.isWritableFile(atPath: folder.path) else {
            throw InputError("\(file): its folder may not be written to; choose another \(option), or change the permissions")
        }
    }

    /// Throws unless the files that options name can be written, differ, look like what replaces them,
    /// and are none of `inputs`.
    package static func writable(_ files: [(option: String, file: String?)], keeping inputs: [URL]) throws {
        var taken = Dictionary(inputs.map { (FolderListing.target($0), "is read by this command") }) { first, _ in first }
        for (option, file) in files {
            try writable(file, option)
            guard let file else { continue }
            let url = URL(filePath: file)
            if let problem = taken.updateValue("is \(option) too", forKey: FolderListing.target(url)) {
                throw InputError("\(file): \(problem); choose another \(option)")
            }
            let ending = url.resolvingSymlinksInPath().pathExtension.lowercased()
            if FileManager.default.fileExists(atPath: url.path), !["", "json", "csv", "tsv", "txt"].contains(ending) {
                throw InputError("\(file): exists already, and .\(ending) is no table's ending; choose another \(option)")
            }
        }
    }

    /// Throws if a result would lie in the data set's folder, or where its links lead: it might
    /// replace what is scored, or be taken for a case of it.
    package static func outside(_ data: String, _ result: String?, _ option: String, isFolder: Bool = false) throws {
        guard let result, result != "-" else { return }
        let url = URL(filePath: result), place = FolderListing.target(isFolder ? url : url.deletingLastPathComponent())
        let folder = FolderListing.target(URL(filePath: data))
        let isInside = place.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
        guard isInside || FolderListing.realFolders(of: URL(filePath: data)).contains(place) else { return }
        throw InputError("\(result): lies in the data set's folder; choose another \(option)")
    }

    package static func count(_ value: Int, _ option: String, from least: Int = 1, upTo most: Int) throws {
        guard !(least...most).contains(value) else { return }
        throw ValidationError("\(option): expected \(least) to \(most), got \(value)")
    }
}

/// "2,2,9,2" on the command line.
package struct IntegerList: ExpressibleByArgument {
    package let values: [Int]

    /// Reads the value of an option.
    @Sendable package static func argument(_ text: String) throws -> IntegerList {
        try reading("whole numbers separated by commas, such as 2,2,9,2")(text)
    }

    package init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0.trimmed) }
        guard !parts.isEmpty, !parts.contains(nil) else { return nil }
        values = parts.compactMap { $0 }
    }
}

/// The network's sizes, by preset or in numbers.
package struct NetworkOptions: ParsableArguments {
    @Option(help: "base (the paper's), small (half the channels) or tiny (a quarter).")
    package var preset: VMUNetConfiguration.Preset?

    @Option(help: "VSS blocks of the encoder's stages, such as 2,2,9,2.", transform: IntegerList.argument)
    package var depths: IntegerList?

    @Option(help: "VSS blocks of the decoder's stages, deepest first.", transform: IntegerList.argument)
    package var decoderDepths: IntegerList?

    @Option(help: "Channels of the encoder's stages, such as 96,192,384,768.", transform: IntegerList.argument)
    package var dims: IntegerList?

    @Option(help: "States of the selective scan.")
    package var stateSize: Int?

    @Option(help: "Classes; 1 is foreground against background.")
    package var classes: Int?

    package init() {}

    /// The first given option that sets a size, if any.
    package var givenSize: String? {
        let given = [
            ("--preset", preset != nil), ("--depths", depths != nil), ("--decoder-depths", decoderDepths != nil), ("--dims", dims != nil),
            ("--state-size", stateSize != nil),
        ]
        return given.first { $0.1 }?.0
    }

    /// The base network with the options that were given.
    package func configuration() throws -> VMUNetConfiguration {
        var network = VMUNetConfiguration.base
        try apply(to: &network)
        return network
    }

    /// Lays the options that were given over a network.
    package func apply(to network: inout VMUNetConfiguration) throws {
        if let preset {
            let (classes, dropPath) = (network.classes, network.dropPath)
            network = preset.sizes
            (network.classes, network.dropPath) = (classes, dropPath)
        }
        if let depths { network.depths = depths.values }
        if let decoderDepths { network.decoderDepths = decoderDepths.values }
        if let dims { network.dims = dims.values }
        if let stateSize { network.stateSize = stateSize }
        if let classes { network.classes = classes }
        do { try network.validate() } catch { throw ValidationError("\(error)") }
    }
}
