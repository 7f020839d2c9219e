/// Where and how a network computes.
public struct Compute: Sendable, Hashable {
    /// The device to compute on.
    public enum Device: String, Sendable, Codable, CaseIterable {
        /// A GPU where there is one that works, otherwise the CPU.
        case auto
        case cpu
        case cuda
    }

    /// The arithmetic of the matrix products; parameters, losses and statistics stay in float32.
    public enum Precision: String, Sendable, Codable, CaseIterable {
        case fp32
        case bf16
    }

    /// The device to compute on.
    public var device: Device
    /// The arithmetic of the matrix products.
    public var precision: Precision
    /// Whether a GPU is given the network's work as one launch, recorded in the first few batches.
    public var compileGraph: Bool
    /// Whether a GPU may round the inputs of float32 products to TF32, ten bits of mantissa.
    public var allowsTF32: Bool
    /// Threads on the CPU; nil takes as many as suit the machine.
    public var threads: Int?

    /// Float32 on a GPU where there is one, unless said otherwise.
    public init(
        device: Device = .auto, precision: Precision = .fp32, compileGraph: Bool = false, allowsTF32: Bool = false, threads: Int? = nil
    ) {
        self.device = device
        self.precision = precision
        self.compileGraph = compileGraph
        self.allowsTF32 = allowsTF32
        self.threads = threads
    }
}
