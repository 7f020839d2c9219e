/// The device, precision and threads of a network.
public struct Compute: Sendable, Hashable {
    /// The device to compute on.
    public enum Device: String, Sendable, Codable, CaseIterable {
        /// A GPU if there is one that works, otherwise the CPU.
        case auto
        case cpu
        case cuda
    }

    /// The arithmetic of the matrix products; parameters, losses and statistics stay in float32.
    public enum Precision: String, Sendable, Codable, CaseIterable {
        case fp32
        case bf16
    }

    /// The device.
    public var device: Device
    /// The arithmetic of the matrix products.
    public var precision: Precision
    /// Records the network's work on a GPU during the first batches, then launches it as one graph.
    public var compileGraph: Bool
    /// True if a GPU may round the inputs of float32 products to TF32 (ten bits of mantissa).
    public var allowsTF32: Bool
    /// Threads on the CPU; nil chooses for the machine.
    public var threads: Int?

    /// By default float32, on a GPU if there is one.
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
