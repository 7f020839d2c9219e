import Files

extension TorchError {
    /// The options that a user can lower when memory runs out; nil for any other error.
    ///
    /// Nothing is lowered automatically: that would be another run than the one requested.
    package var memoryAdvice: String? {
        guard isOutOfMemory else { return nil }
        let common = "lower --batch-size or --image-size"
        // The wording of errors of a GPU's allocator, the driver and cuBLAS, in libtorch and here.
        let isOnGPU = ["CUDA", "CUBLAS", "CUDNN"].contains { reason.contains($0) }
        return isOnGPU
            ? common + ", take --precision bf16 or a smaller --preset, or compute on the CPU with --device cpu"
            : common + ", or take a smaller --preset"
    }

    /// The allocation that failed, for people: libtorch's own text names operators and files of its
    /// sources, and for a GPU goes on with a page about its allocator.
    package var shortage: String? {
        guard let unit = reason.firstMatch(of: /([0-9.]+) (bytes|[KMGT]iB)/) else { return nil }
        let amount = unit.2 == "bytes" ? Int(unit.1).map(Memory.size) : "\(unit.1) \(unit.2)"
        return amount.map { "\($0) more were asked for" }
    }
}
