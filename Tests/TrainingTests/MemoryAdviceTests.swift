import Networks
import Runs
import Segmentation
import TestSupport
import Testing

@testable import Torch
@testable import Training

/// Messages about too little memory. The GPU's errors are made up, with the wording of libtorch,
/// cuBLAS and this package.
@Suite struct MemoryAdviceTests {
    @Test(arguments: [
        "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.19 GiB of which 1.06 GiB is free. Including non-PyTorch memory",
        "CUDA out of memory: loading the kernels of norm for sm_90",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)",
    ])
    func onAGPUItNamesWhatCanBeLowered(reason: String) throws {
        let error = TorchError(operation: "vmunet::ss2d", reason: reason, isOutOfMemory: true)
        let advice = try #require(error.memoryAdvice)
        for option in ["--batch-size", "--image-size", "--precision bf16", "--preset", "--device cpu"] { #expect(advice.contains(option)) }
        #expect(error.shortage == (reason.contains("2.50 GiB") ? "2.50 GiB more were asked for" : nil))
        for internals in ["vmunet::", "CUBLAS", "sm_90", "PyTorch"] { #expect(!error.description.contains(internals)) }
    }

    /// An allocation that fails on any machine, from libtorch itself.
    @Test func onTheCPUItNamesWhatHelpsThere() throws {
        let error = try #require(throws: TorchError.self) { try withTorchErrors { _ = Tensor(emptyOfShape: [1 << 48]) } }
        #expect(error.isOutOfMemory && error.shortage == "1125899 GB more were asked for")
        let advice = try #require(error.memoryAdvice)
        #expect(advice.contains("--batch-size") && !advice.contains("--device cpu"))
    }

    @Test func otherErrorsHaveNone() throws {
        let error = try #require(throws: TorchError.self) { try withTorchErrors { _ = Tensor([Float](), shape: [2]) } }
        #expect(!error.isOutOfMemory && error.memoryAdvice == nil && error.description.contains(error.reason))
    }
}
