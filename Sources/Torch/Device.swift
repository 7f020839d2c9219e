import CTorch

/// Where a tensor's values are.
public struct Device: Sendable, Hashable, CustomStringConvertible {
    /// libtorch's name: "cpu", "cuda:0".
    public let name: String
    public init(name: String) { self.name = name == "cuda" ? "cuda:0" : name }

    public static let cpu = Device(name: "cpu")
    public static let cuda = Device(name: "cuda:0")

    public var isCPU: Bool { name == "cpu" }
    public var description: String { name }
}

/// What concerns the process as a whole.
public enum Torch {
    /// libtorch's version, for example "2.13.0".
    public static var version: String { String(cString: ct_version()) }

    /// Threads of one operation on the CPU.
    public static var threads: Int {
        get { Int(ct_threads()) }
        set { ct_set_threads(Int32(newValue)) }
    }

    /// What the CPU kernels run on: avx512, avx2 or portable; the environment variable VMUNET_CPU forces one.
    public static var instructionSet: String { String(cString: ct_instruction_set()) }

    /// Whether the network's operators have kernels of this package, on every device; otherwise they are put together from libtorch's own: slow, and what
    /// the kernels are compared with.
    package static var usesKernels: Bool {
        get { ct_use_kernels() }
        set { ct_set_use_kernels(newValue) }
    }

    /// Seeds libtorch's generators: the same seed gives the same numbers, on every device its own.
    public static func manualSeed(_ seed: UInt64) {
        if Recording.permits("seed") { ct_manual_seed(seed) }
    }

    /// Keeps freed CPU memory for the next operation. Once, before the first tensor; worth a factor in training.
    public static func useCachingAllocator() { ct_use_caching_allocator() }

    /// Gives kept CPU memory back to the system.
    public static func emptyCache() { ct_empty_cache() }

    /// Whether a GPU has been asked for and found ready; see ``cudaStatus``.
    public static var isCUDAAvailable: Bool { ct_cuda_available() }
}
