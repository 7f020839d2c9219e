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

    /// The reason's first sentence. libtorch's own text for a GPU continues with a page about its
    /// allocator.
    package var briefReason: String {
        guard isOutOfMemory, let end = reason.range(of: ". ") else { return reason }
        return String(reason[..<end.lowerBound])
    }
}
