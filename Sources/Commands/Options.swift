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

    package init() {}

    package func validate() throws {
        for (isAsked, name) in [(tf32, "--tf32"), (compileGraph, "--compile-graph")] where isAsked {
            if device == .cpu { throw ValidationError("\(name): is for a GPU; leave it out with --device cpu") }
            // Said once, where no run will do what was asked for: it goes on all the same.
            if device != .cuda, !Backend.current.isGPUPresent() { Console.note("note: \(name) changes nothing without a GPU") }
        }
    }

    /// The options as one value; what was not given has its usual value.
    package var compute: Compute {
        Compute(device: device ?? .auto, precision: precision ?? .fp32, compileGraph: compileGraph, allowsTF32: tf32)
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
