import CKernels
import VMUNet

/// A VM-UNet that predicts with the kernels alone: weights are prepared once, forward passes are
/// planned per shape of images.
///
/// It never changes after it is made, and any number of threads may make plans and run them.
public final class KernelsNetwork: Sendable {
    /// The sizes.
    public let configuration: VMUNetConfiguration
    /// The element type of the matrix products.
    public let precision: Precision
    private let network: VMUNet<KernelsEngine>

    /// Heights and widths of images must be multiples of this.
    public static let sizeMultiple = 32

    /// A network of this configuration, which must be valid
    /// (``/VMUNet/VMUNetConfiguration/validate()``), with these weights.
    ///
    /// Throws unless every tensor is there, in its shape, and no other. Afterwards the tensors are
    /// not needed any more.
    public init(
        _ configuration: VMUNetConfiguration, _ weights: KernelWeights, precision: Precision = .float32
    ) throws(WeightsMismatch) {
        self.configuration = configuration
        self.precision = precision
        network = try VMUNet(configuration, from: weights)
        let tape = Tape(weights)
        let size = Self.sizeMultiple
        _ = network(tape.image(channels: 1, height: size, width: size), ForwardMode(precision: precision))
        weights.prepare()
    }

    /// The threads that share a run's work; less than one means the number of processors.
    public static func setThreads(_ count: Int) { vmk_set_threads(Int32(clamping: count)) }

    /// Threads that share the work of a run.
    public static var threads: Int { Int(vmk_threads()) }

    /// The instructions that the kernels were chosen for, such as `avx512`.
    public static var instructionSet: String { String(cString: vmk_instruction_set()) }

    #if !hasFeature(Embedded)
        /// Calls `body` once for every index in 0..<count, divided over the threads; returns when
        /// all are done. What `body` runs has no more than its own thread.
        public static func sideBySide(_ count: Int, _ body: (_ index: Int) -> Void) {
            // The check behind it would keep the length of this file's path in the program, and a
            // release should not depend on where it was built.
            #sourceLocation(file:"Kernels/sideBySide.swift",line:1)
            withoutActuallyEscaping(body) { body in
                var body = body
                withUnsafeMutablePointer(to: &body) { context in
                    vmk_parallel(Int64(count), context) { context, index in
                        context!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(index))
                    }
                }
            }
            #sourceLocation()
        }
    #endif

    /// Bytes of the prepared weights.
    public var weightBytes: Int { network.parameters.bytes }

    /// A plan for `batch` images of `channels` channels, which is the network's number or, if that
    /// is 3, may be 1. Nil if the shape does not fit.
    public func plan(batch: Int, channels: Int, height: Int, width: Int) -> Plan? {
        guard batch > 0, height > 0, width > 0, height % Self.sizeMultiple == 0, width % Self.sizeMultiple == 0,
            channels == configuration.inputChannels || (channels == 1 && configuration.inputChannels == 3)
        else { return nil }
        let tape = Tape(network.parameters)
        let image = tape.image(channels: channels, height: height, width: width)
        let logits = network(image, ForwardMode(precision: precision))
        return Plan(tape, batch: batch, image: image, logits: logits)
    }
}
