import CTorch

/// The device that holds a tensor's values.
package struct Device: Sendable, Hashable, CustomStringConvertible {
    /// libtorch's name: "cpu", "cuda:0".
    package let name: String
    package init(name: String) { self.name = name == "cuda" ? "cuda:0" : name }

    package static let cpu = Device(name: "cpu")
    package static let cuda = Device(name: "cuda:0")

    package var isCPU: Bool { name == "cpu" }
    package var description: String { name }
}

/// Settings of the whole process.
package enum Torch {
    /// libtorch's version, for example "2.13.0".
    package static var version: String { String(cString: ct_version()) }

    /// The number of CPU threads of one operation.
    package static var threads: Int {
        get { Int(ct_threads()) }
        set { ct_set_threads(Int32(newValue)) }
    }

    /// The CPU kernels' instruction set: avx512, avx2 or portable. The environment variable
    /// VMUNET_CPU forces one.
    package static var instructionSet: String { String(cString: ct_instruction_set()) }

    /// True if the network's operators use this package's kernels, on every device. Otherwise they
    /// are composed of libtorch's own: slow, and the reference for the kernels.
    package static var usesKernels: Bool {
        get { ct_use_kernels() }
        set { ct_set_use_kernels(newValue) }
    }

    /// Seeds the generators of all devices. The same seed gives the same numbers on the same kind
    /// of device.
    package static func manualSeed(_ seed: UInt64) {
        if Recording.permits("seed") { ct_manual_seed(seed) }
    }

    /// Keeps freed CPU memory for the next operation, which speeds training up considerably. Call
    /// it once, before the first tensor.
    package static func useCachingAllocator() { ct_use_caching_allocator() }

    /// Returns kept CPU memory to the system.
    package static func emptyCache() { ct_empty_cache() }

    /// True if a GPU was requested and is ready; see ``cudaStatus``.
    package static var isCUDAAvailable: Bool { ct_cuda_available() }
}
