import CTorch
import Foundation
import Synchronization

/// True if an NVIDIA GPU can be used.
package enum CUDAStatus: Sendable, Equatable {
    /// The driver, the compiler and libtorch's CUDA half are present and passed a trial.
    case ready
    /// There is no GPU; `reason` tells a user who wants one what is missing.
    case noGPU(reason: String)
    /// There is a GPU, but something else is missing; `reason` names it and its source.
    case unusable(reason: String)
}

extension Torch {
    /// True if a GPU or its driver is present, usable or not. Cheap.
    package static var isGPUPresent: Bool { ct_nvidia_gpu_present() }

    /// Opens the GPU's libraries and tries them, which takes a second or more the first time.
    /// Tensors can be on ``Device/cuda`` once this is ``CUDAStatus/ready``.
    package static var cudaStatus: CUDAStatus {
        switch ct_load_cuda() {
        case CT_CUDA_READY: .ready
        case CT_CUDA_NO_GPU: .noGPU(reason: String(cString: ct_cuda_reason()))
        default: .unusable(reason: String(cString: ct_cuda_reason()))
        }
    }

    /// Lets float32 matrix products and convolutions on the GPU round their inputs to TF32 (ten
    /// bits of mantissa): faster, but the results differ from the CPU's. Off by default.
    package static func allowTF32(_ allowed: Bool) throws {
        if ct_set_allow_tf32(allowed) != 0 { throw TorchError.last("TF32") }
    }

    /// Calls `notice` before kernels are compiled for the GPU, with their names and the
    /// architecture. A machine compiles each kernel at its first use, which takes seconds. The call
    /// comes from the thread that needs the kernel.
    package static func onKernelCompilation(_ notice: (@Sendable (_ kernels: String, _ architecture: String) -> Void)?) {
        compilationNotice.withLock { $0 = notice }
        ct_on_compilation(
            notice == nil
                ? nil
                : { kernels, architecture in
                    guard let kernels, let architecture, let notice = compilationNotice.withLock({ $0 }) else { return }
                    notice(String(cString: kernels), String(cString: architecture))
                })
    }

    /// The most memory that libtorch has held on the GPU, in bytes; nil if no GPU is in use.
    package static var peakGPUMemory: Int? {
        var bytes: Int64 = 0
        return ct_cuda_peak_memory(&bytes) == 0 ? Int(bytes) : nil
    }
}

private let compilationNotice = Mutex<(@Sendable (String, String) -> Void)?>(nil)

/// The GPU's kernels, compiled by NVRTC as at their first use. Needs no GPU.
package enum CUDAKernels {
    package enum Input: Int32, CaseIterable, Sendable { case float32, bfloat16, float16 }

    package struct Compiled: Sendable {
        /// The compiler's output; if verbose, it has each kernel's registers.
        package let log: String
        package let isFromCache: Bool
        package let bytes: Int
    }

    /// Kernels compiled together, and the sizes that their source depends on.
    package enum Program: Sendable {
        case ss2d(states: Int, rank: Int)
        /// LayerNorm in all its forms, for rows of `width` numbers.
        case norm(width: Int)
        case depthwise(channels: Int)
        case residual(channels: Int)
        /// Sums the partial results of several blocks.
        case sum(count: Int)

        fileprivate var description: (name: String, size: Int, rank: Int) {
            switch self {
            case .ss2d(let states, let rank): ("ss2d", states, rank)
            case .norm(let width): ("norm", width, 0)
            case .depthwise(let channels): ("depthwise", channels, 0)
            case .residual(let channels): ("residual", channels, 0)
            case .sum(let count): ("sum", count, 0)
            }
        }
    }

    /// Compiles kernels for an architecture such as "sm_90". Verbose bypasses the cache.
    package static func compile(_ program: Program, architecture: String, input: Input = .float32, verbose: Bool = false) throws -> Compiled
    {
        let (name, size, rank) = program.description
        var compiled = ct_cuda_compiled()
        let status = name.withCString { kernels in
            architecture.withCString { architecture in
                var wanted = ct_cuda_program(
                    kernels: kernels, architecture: architecture, size: Int32(size), rank: Int32(rank), input: input.rawValue,
                    verbose: verbose)
                return ct_cuda_compile_check(&wanted, &compiled)
            }
        }
        guard status == 0, let log = compiled.log else { throw TorchError.last("compiling \(name) for \(architecture)") }
        defer { free(log) }
        return Compiled(log: String(cString: log), isFromCache: compiled.from_cache, bytes: Int(compiled.code_bytes))
    }
}
