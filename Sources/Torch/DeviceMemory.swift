import CTorch

// Other libraries' work on tensors in their place, without a copy.

extension Tensor {
    /// The address of a contiguous tensor's first value, on its device; valid while the tensor lives.
    package var address: UnsafeMutableRawPointer? {
        var address: UnsafeMutableRawPointer?
        if !hasPendingError { check(ct_address(handle, &address), "address") }
        return address
    }
}

extension Torch {
    /// The folder of this process's libtorch; empty if the system does not tell.
    package static var libraryFolder: String { String(cString: ct_library_folder()) }
}

extension Device {
    /// A GPU's number, from 0; nil for the CPU.
    package var gpu: Int? { name.hasPrefix("cuda:") ? Int(name.dropFirst("cuda:".count)) : nil }

    /// The stream in which this thread's work on the device is done in order; nil for the CPU, and for a
    /// GPU's default stream.
    package var currentStream: UnsafeMutableRawPointer? {
        var stream: UnsafeMutableRawPointer?
        if let gpu, !hasPendingError { check(ct_current_stream(Int32(gpu), &stream), "stream") }
        return stream
    }
}
