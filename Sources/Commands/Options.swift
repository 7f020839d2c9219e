import ArgumentParser
import Foundation
import Segmentation
import VMUNet

extension Dataset: ExpressibleByArgument {}
extension Compute.Precision: ExpressibleByArgument {}
extension Compute.Device: ExpressibleByArgument {}

/// Where and how the network computes.
package struct ComputeOptions: ParsableArguments {
    @Option(help: "Where to compute: auto takes a GPU where there is one.")
    package var device: Compute.Device?

    @Option(help: "Matrix products in float32 or bfloat16.")
    package var precision: Compute.Precision?

    @Flag(help: "On a GPU: products in float32 with TF32's ten bits of mantissa, faster and less exact. Off without it.")
    package var tf32 = false

    @Flag(help: "Record the network's work on the GPU once and play it again as one launch (CUDA graphs).")
    package var compileGraph = false

    @Option(help: "Threads on the CPU; without it as many as suit the machine.")
    package var threads: Int?

    package init() {}

    package func validate() throws {
        if let threads { try Require.count(threads, "--threads", upTo: 1024) }
        for (isAsked, name) in [(tf32, "--tf32"), (compileGraph, "--compile-graph")] where isAsked {
            if device == .cpu { throw ValidationError("\(name): is for a GPU; leave it out with --device cpu") }
            // Said once, where no run will do what was asked for: it goes on all the same.
            if device != .cuda, !Backend.current.isGPUPresent() { Console.note("note: \(name) changes nothing without a GPU") }
        }
    }

    /// The options as one value; what was not given has its usual value.
    package var compute: Compute {
        Compute(device: device ?? .auto, precision: precision ?? .fp32, compileGraph: compileGraph, allowsTF32: tf32, threads: threads)
    }
}

/// How much a command tells.
package struct OutputOptions: ParsableArguments {
    @Flag(help: "Tell errors and nothing else on standard error.")
    package var quiet = false

    package init() {}

    package func validate() throws { if quiet { Console.isQuiet.store(true, ordering: .relaxed) } }
}

extension DataSettings.Intensities: ExpressibleByArgument {}

extension IntensityWindow: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension VoxelSpacing: ExpressibleByArgument {
    public init?(argument: String) { self.init(text: argument) }
}

/// "RAS", or "stored" for volumes as their files have them.
package enum VoxelOrderOption: ExpressibleByArgument, Equatable {
    case order(VoxelOrder)
    case stored

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

/// How the network wants its input, where the weights do not say or the user knows better.
package struct InputOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: """
            Volumes: which intensities become 0…1: LOW,HIGH, minmax, percentiles (0.5th to 99.5th) or none. Without it what the weights were trained on; \
            arrays in .npy.h5 and .npz hold 0…1 already.
            """)
    package var window: IntensityWindow?

    @Option(help: "Volumes: the directions of columns, rows and slices to turn to, such as RAS, or stored; without it the weights' own.")
    package var voxelOrder: VoxelOrderOption?

    @Option(help: "The values of the network's input, 0,255 or 0,1; without it the weights' own.")
    package var valueRange: ValueRangeOption?

    @Option(help: "Volumes: the axis of the file along which slices lie, 1 to 3; without it the third of NIfTI and the first of arrays.")
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

/// Checks of options that several commands have; each throws what the command line's user is told.
package enum Require {
    package static func imageSize(_ size: Int?, upTo most: Int = Segmenter.imageSizes.upperBound) throws {
        guard let size, !(32...most).contains(size) || !size.isMultiple(of: 32) else { return }
        throw ValidationError("--image-size: expected a multiple of 32 from 32 to \(most), got \(size)")
    }

    package static func threshold(_ value: Double?) throws {
        guard let value, !(value > 0 && value < 1) else { return }
        throw ValidationError("--threshold: expected more than 0 and less than 1, got \(value)")
    }

    package static func share(_ value: Double?, _ option: String) throws {
        guard let value, !(value > 0 && value < 1) else { return }
        throw ValidationError("\(option): expected more than 0 and less than 1, got \(value)")
    }

    package static func count(_ value: Int, _ option: String, from least: Int = 1, upTo most: Int) throws {
        guard !(least...most).contains(value) else { return }
        throw ValidationError("\(option): expected \(least) to \(most), got \(value)")
    }
}

/// "2,2,9,2" on the command line.
package struct IntegerList: ExpressibleByArgument {
    package let values: [Int]
    package init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0.trimmingCharacters(in: .whitespaces)) }
        guard !parts.isEmpty, !parts.contains(nil) else { return nil }
        values = parts.compactMap { $0 }
    }
}

/// The network's shape, by name or in numbers.
package struct NetworkOptions: ParsableArguments {
    @Option(help: "base (the paper's), small (half the channels) or tiny (a quarter).")
    package var preset: String?

    @Option(help: "VSS blocks of the encoder's stages, such as 2,2,9,2.")
    package var depths: IntegerList?

    @Option(help: "VSS blocks of the decoder's stages, deepest first.")
    package var decoderDepths: IntegerList?

    @Option(help: "Channels of the encoder's stages, such as 96,192,384,768.")
    package var dims: IntegerList?

    @Option(help: "States of the selective scan.")
    package var stateSize: Int?

    @Option(help: "Classes; 1 is foreground against background.")
    package var classes: Int?

    package init() {}

    package func apply(to network: inout VMUNetConfiguration) throws {
        if let preset {
            guard let known = VMUNetConfiguration.presets[preset] else {
                throw ValidationError("--preset: expected base, small or tiny, got \(preset)")
            }
            let (classes, dropPath) = (network.classes, network.dropPath)
            network = known
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
