extension TorchError {
    /// What a user can lower where an allocation did not fit, by the command line's names; nil for any other error.
    ///
    /// Nothing is lowered by itself: a run that fell back to other settings would not be the run that was asked for.
    public var memoryAdvice: String? {
        guard isOutOfMemory else { return nil }
        let common = "lower --batch-size or --image-size"
        // libtorch's words and ours for a GPU's allocator, the driver and cuBLAS.
        let isOnGPU = ["CUDA", "CUBLAS", "CUDNN"].contains { reason.contains($0) }
        return isOnGPU
            ? common + ", take --precision bf16 or a smaller --preset, or compute on the CPU with --device cpu"
            : common + ", or take a smaller --preset"
    }

    /// The reason's first sentence: libtorch's own for a GPU goes on about its allocator's settings for a page.
    public var briefReason: String {
        guard isOutOfMemory, let end = reason.range(of: ". ") else { return reason }
        return String(reason[..<end.lowerBound])
    }
}
