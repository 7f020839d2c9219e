import Foundation
import Synchronization
import TensorFiles
import TestSupport
import Testing

@testable import Torch

/// The GPU's kernels on a machine without a GPU: compiled by NVRTC, and run by an emulation. They
/// set the places of the compiler and its cache, so they run one after another.
@Suite(.serialized) struct CUDAKernelTests {
    /// A folder with NVRTC, and a cache for the tests; nil without NVRTC.
    static let nvrtc: String? = {
        guard let found = nvrtcFolder() else { return nil }
        setenv("VMUNET_NVRTC", found, 1)
        setenv("XDG_CACHE_HOME", cache.path, 1)
        return found
    }()

    static let cache = FileManager.default.temporaryDirectory.appending(path: "vmunet-cuda-\(UUID().uuidString)")

    private static func nvrtcFolder() -> String? {
        let environment = ProcessInfo.processInfo.environment
        if let given = environment["VMUNET_NVRTC"], !given.isEmpty { return given }
        guard let packages = try? Python.run("import sysconfig; print(sysconfig.get_paths()['purelib'])") else { return nil }
        let folder = packages.trimmingCharacters(in: .whitespacesAndNewlines)
        let libraries = ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"].map { folder + "/" + $0 }
        return libraries.contains {
            ((try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? []).contains { $0.hasPrefix("libnvrtc.so") }
        }
            ? folder : nil
    }

    private static let wantsNVRTC: Comment = "set VMUNET_PYTHON to a Python with nvidia-cuda-nvrtc, or VMUNET_NVRTC to NVRTC's folder"

    // MARK: - NVRTC

    static let variants: [(String, states: Int, rank: Int, CUDAKernels.Input)] = [
        ("sm_80", 16, 12, .float32), ("sm_80", 16, 6, .bfloat16), ("sm_90", 16, 6, .float32), ("sm_90", 16, 48, .bfloat16),
        ("sm_90", 16, 3, .float16), ("sm_80", 250, 6, .float32),
    ]

    /// No warnings, and few enough registers for the planned blocks: four of backward and five of
    /// forward on a multiprocessor of 65,536 registers.
    @Test(.enabled(if: nvrtc != nil, wantsNVRTC), arguments: variants)
    func kernelsCompile(architecture: String, states: Int, rank: Int, input: CUDAKernels.Input) throws {
        let compiled = try CUDAKernels.compile(.ss2d(states: states, rank: rank), architecture: architecture, input: input, verbose: true)
        #expect(compiled.bytes > 10_000)
        #expect(!compiled.log.contains("warning"), "\(compiled.log)")
        let kernels = CompiledKernel.all(in: compiled.log)
        #expect(Set(kernels.map(\.name)) == ["ss2d_states", "ss2d_carry", "ss2d_forward", "ss2d_gradients", "ss2d_backward"])
        guard states == 16 else { return }
        for (name, registers, spilled) in kernels.map({ ($0.name, $0.registers, $0.spilledBytes) }) {
            #expect(registers <= (name == "ss2d_backward" ? 128 : 96), "\(name): \(registers) registers")
            #expect(spilled <= (name == "ss2d_backward" ? 192 : 0), "\(name): \(spilled) bytes spilled")
        }
    }

    /// The widths of the network's rows and others, with registers for two blocks of 256 threads on
    /// a multiprocessor.
    static let rowVariants: [(String, CUDAKernels.Program, CUDAKernels.Input)] = [
        ("sm_80", .norm(width: 96), .float32), ("sm_90", .norm(width: 24), .bfloat16), ("sm_90", .norm(width: 768), .float16),
        ("sm_90", .norm(width: 1536), .bfloat16), ("sm_90", .norm(width: 1536), .float32), ("sm_80", .norm(width: 33), .bfloat16),
        ("sm_80", .depthwise(channels: 192), .bfloat16), ("sm_90", .depthwise(channels: 192), .float32),
        ("sm_90", .depthwise(channels: 192), .float16), ("sm_90", .depthwise(channels: 33), .bfloat16),
        ("sm_80", .residual(channels: 96), .bfloat16), ("sm_90", .residual(channels: 33), .float16), ("sm_90", .sum(count: 8), .bfloat16),
    ]

    @Test(.enabled(if: nvrtc != nil, wantsNVRTC), arguments: rowVariants)
    func rowKernelsCompile(architecture: String, program: CUDAKernels.Program, input: CUDAKernels.Input) throws {
        let compiled = try CUDAKernels.compile(program, architecture: architecture, input: input, verbose: true)
        #expect(!compiled.log.contains("warning"), "\(compiled.log)")
        let kernels = CompiledKernel.all(in: compiled.log)
        let operators: [String] =
            switch program {
            case .norm: ["layer_norm", "norm_gate", "merge_norm", "expand_norm"]
            case .residual: ["residual"]
            case .sum: []
            default: ["depthwise"]
            }
        let names = operators.isEmpty ? ["sum_of_parts"] : operators.flatMap { [$0 + "_forward", $0 + "_backward"] }
        #expect(Set(kernels.map(\.name)) == Set(names))
        for kernel in kernels {
            // The depthwise convolution holds rows that it reads ahead.
            let most = kernel.name.hasSuffix("backward") ? 128 : kernel.name == "depthwise_forward" ? 96 : 64
            #expect(kernel.registers <= most, "\(kernel)")
            #expect(kernel.spilledBytes == 0, "\(kernel)")
        }
    }

    @Test(.enabled(if: nvrtc != nil, wantsNVRTC)) func anUnknownArchitectureIsAnErrorAndANewerOneIsNot() throws {
        #expect(throws: TorchError.self) { try CUDAKernels.compile(.ss2d(states: 1, rank: 6), architecture: "sm_20") }
        // An architecture that does not exist yet: code that the driver translates.
        #expect(try CUDAKernels.compile(.ss2d(states: 1, rank: 6), architecture: "sm_999").bytes > 1000)
    }

    @Test(.enabled(if: nvrtc != nil, wantsNVRTC)) func theCacheIsUsedAndADamagedEntryIsMadeAgain() throws {
        let folder = Self.cache.appending(path: "vmunet")
        try? FileManager.default.removeItem(at: folder)
        func compile(_ states: Int = 2) throws -> CUDAKernels.Compiled {
            try CUDAKernels.compile(.ss2d(states: states, rank: 6), architecture: "sm_90")
        }
        let told = Mutex<[String]>([])
        Torch.onKernelCompilation { kernels, architecture in told.withLock { $0.append("\(kernels) \(architecture)") } }
        defer { Torch.onKernelCompilation(nil) }
        let first = try compile()
        #expect(!first.isFromCache)
        #expect(told.withLock { $0 } == ["ss2d sm_90"])
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        let file = try #require(files.first)
        #expect(files.count == 1, "only the entry is left")
        let whole = try Data(contentsOf: file)

        var again = try compile()
        #expect(again.isFromCache && again.bytes == first.bytes)
        #expect(told.withLock { $0.count } == 1, "the notice is for compilations, not for cache hits")

        var flipped = whole
        flipped[flipped.count / 2] ^= 1
        let header = try #require(whole.firstRange(of: Data("nvrtc ".utf8)))
        var ofAnotherVersion = whole
        ofAnotherVersion[header.upperBound] = UInt8(ascii: "9")
        for damaged in [flipped, whole.prefix(whole.count - 100), whole + Data([0]), Data(), ofAnotherVersion] {
            try damaged.write(to: file)
            again = try compile()
            #expect(!again.isFromCache && again.bytes == first.bytes)
            #expect(try Data(contentsOf: file) == whole, "the entry is whole again")
        }
        #expect(try !compile(1).isFromCache, "other options are another entry")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
        try FileManager.default.removeItem(at: Self.cache)
    }

    // MARK: - Emulation

    /// The emulation in Tests/CUDAEmulation with the same source text that NVRTC gets; nil without
    /// clang++.
    private static let emulation = CUDAEmulation.build(
        "emulate.cpp", texts: ["TILE_TEXT": "ss2d/tile.inc", "FORWARD_TEXT": "ss2d/forward.inc", "BACKWARD_TEXT": "ss2d/backward.inc"],
        with: ["Sources/CKernels/ss2d_reference.cpp"],
        isOptimized: false)

    /// Four directions, chunks and their carries, borders, every number of states: compared with
    /// the reference in double precision, and with another order of threads, which a missing
    /// barrier would change.
    @Test(.enabled(if: CUDAEmulation.isPossible, "clang++ is not in PATH")) func emulatedKernelsAgreeWithTheReference() throws {
        let lines = try runProgram(try #require(Self.emulation), []).split(separator: "\n")
        #expect(lines.count == 25)
        for line in lines {
            let fields = line.split(separator: "\t")
            try #require(fields.count == 4)
            #expect(try #require(Double(fields[1])) < 2e-6, "y: \(line)")
            #expect(try #require(Double(fields[2])) < 5e-6, "gradients: \(line)")
            #expect(fields[3] == "1", "bits depend on the order of threads: \(line)")
        }
    }

    /// The published module between convolution and norm, on a map that is not square, compared
    /// with PyTorch in double precision.
    @Test(.enabled(if: CUDAEmulation.isPossible, "clang++ is not in PATH")) func emulatedKernelsAgreeWithPyTorch() throws {
        let program = try #require(Self.emulation)
        let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "KernelTests/Fixtures")
        let fixture = try SafetensorsFile.read(fixtures.appending(path: "ss2d.safetensors"))
        func tensor(_ key: String) throws -> HostTensor { try #require(fixture[key]) }
        func weight(_ key: String) throws -> HostTensor { try tensor("self_attention." + key) }
        let x = try tensor("x")
        let (B, H, W, D) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let (R, N) = (try weight("dt_projs_weight").shape[2], try weight("A_logs").shape[1])
        let columns = 4 * (R + 2 * N), tokens = B * H * W
        let (values, xProj) = (x.floats, try weight("x_proj_weight").floats)
        var projection = [Float](repeating: 0, count: tokens * columns)
        for t in 0..<tokens {
            for c in 0..<columns {
                projection[t * columns + c] = Float((0..<D).reduce(0.0) { $0 + Double(values[t * D + $1]) * Double(xProj[c * D + $1]) })
            }
        }
        var input = Data()
        for size in [B, H, W, D, N, R] { withUnsafeBytes(of: Int64(size)) { input.append(contentsOf: $0) } }
        let parameters = try ["dt_projs_weight", "dt_projs_bias", "A_logs", "Ds"].map { try weight($0).floats }
        for part in [values, projection] + parameters + [try tensor("dy").floats] { part.withUnsafeBytes { input.append(contentsOf: $0) } }
        let (from, to) = (program.appendingPathExtension("in"), program.appendingPathExtension("out"))
        try input.write(to: from)
        _ = try runProgram(program, [from.path, to.path])
        let output = try Data(contentsOf: to).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        let sizes = [tokens * D, tokens * D, tokens * columns, 4 * D * R, 4 * D, 4 * D * N, 4 * D]
        try #require(output.count == sizes.reduce(0, +))
        var start = 0
        let results = sizes.map { size in
            defer { start += size }
            return Array(output[start..<start + size])
        }
        var dx = results[1], dxProj = [Float](repeating: 0, count: xProj.count)
        for t in 0..<tokens {
            for c in 0..<columns {
                let d = results[2][t * columns + c]
                for i in 0..<D {
                    dx[t * D + i] += d * xProj[c * D + i]
                    dxProj[c * D + i] += d * values[t * D + i]
                }
            }
        }
        #expect(relativeError(results[0], try tensor("y").floats) < 1e-5)
        #expect(relativeError(dx, try tensor("dx").floats) < 1e-4)
        #expect(relativeError(dxProj, try tensor("dself_attention.x_proj_weight").floats) < 1e-4)
        for (key, result) in zip(["dt_projs_weight", "dt_projs_bias", "A_logs", "Ds"], results[3...]) {
            #expect(relativeError(result, try tensor("dself_attention." + key).floats) < 1e-4, "\(key)")
        }
    }

    // MARK: - A GPU

    /// With a GPU: its operator compared with the CPU's.
    @Test(.enabled(if: Torch.isGPUPresent && Torch.cudaStatus == .ready, "no usable GPU"), arguments: [1, 3])
    func theGPUAgreesWithTheCPU(batch: Int) throws {
        let (H, W, D, N, R) = (19, 33, 72, 16, 5)
        let op = Operator("vmunet::ss2d")
        func results(on device: Device) throws -> [[Float]] {
            try withTorchErrors {
                Torch.manualSeed(1)
                func random(_ shape: [Int], _ scale: Double, _ mean: Double = 0) -> Tensor {
                    ((Tensor.random(count: shape.reduce(1, *)) + -0.5) * scale + mean).reshaped(shape).to(device).requiringGrad()
                }
                let inputs = [
                    random([batch, H, W, D], 2), random([4, R + 2 * N, D], 0.3), random([4, D, R], 1), random([4, D], 2, -3),
                    random([4 * D, N], 1, 1),
                    random([4 * D], 1, 1),
                ]
                let y = op(inputs.map(Operator.Argument.tensor), results: 1)[0]
                (y * y).sum().backward()
                return [y.floats()] + inputs.map { $0.gradient?.floats() ?? [] }
            }
        }
        let (expected, got) = (try results(on: .cpu), try results(on: .cuda))
        #expect(relativeError(got[0], expected[0]) < 1e-4)
        for (a, b) in zip(got[1...], expected[1...]) { #expect(relativeError(a, b) < 1e-3) }
        #expect(try results(on: .cuda) == got, "the same bits every time")
    }
}
