import VMUNet

/// The memory of training a VM-UNet in float32 with AdamW on a CPU, estimated from its sizes.
/// docs/speed.md lists the measurements behind it.
public struct TrainingMemory: Sendable, Equatable {
    /// The error to expect, as a share. The ten measured peaks are closer than half of it; other
    /// processors and libtorch's other builds were not measured.
    public static let error = 0.1

    private let pixels: Double
    /// Values of the modules' outputs for one picture.
    private let values: Double
    private let parameters: Double

    /// The program and libtorch.
    private static let fixedBytes = 173.5e6
    private static let bytesOfPixel = 225.9
    private static let bytesOfValue = 32.74
    /// A trained value, its gradient, AdamW's two moments, and the copies for a checkpoint.
    private static let bytesOfParameter = 28.3

    /// Training on pictures of this height and width, a multiple of 32.
    public init(_ network: VMUNetConfiguration, imageSize: Int) {
        let summary = VMUNetSummary(network, height: imageSize, width: imageSize)
        (pixels, parameters) = (Double(imageSize) * Double(imageSize), Double(summary.parameters))
        values = Double(summary.modules.reduce(0) { $0 + $1.output.reduce(1, *) })
    }

    /// The bytes that the process takes with this many pictures in a step, without the pictures that
    /// it keeps between epochs.
    public func bytes(batchSize: Int) -> Int {
        let picture = Self.bytesOfPixel * pixels + Self.bytesOfValue * values
        return Int(Self.fixedBytes + Self.bytesOfParameter * parameters + picture * Double(batchSize))
    }

    /// The largest power of two, up to `most`, that takes at most `bytes`; nil if not even one
    /// picture does.
    public func batchSize(within bytes: Int, atMost most: Int) -> Int? {
        var (size, fitting) = (1, nil as Int?)
        while size <= most, self.bytes(batchSize: size) <= bytes { (fitting, size) = (size, 2 * size) }
        return fitting
    }
}
