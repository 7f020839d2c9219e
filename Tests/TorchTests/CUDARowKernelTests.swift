import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Torch

/// The GPU's norms and depthwise convolution, emulated, compared with the CPU's operators and their
/// autograd.
@Suite struct CUDARowKernelTests {
    enum Operation: Int, Sendable { case layerNorm, normGate, mergeNorm, expandNorm, depthwise, addBranch }

    struct Case: Sendable, CustomTestStringConvertible {
        let operation: Operation
        /// [B, H, W, C] of x.
        let shape: [Int]
        /// Numbers between two rows of x, or of the gate if there is one.
        var gap = 0
        var scale = 1
        /// With few, a block works on many rows in turn.
        var multiprocessors = 132

        var testDescription: String { "\(operation) \(shape) scale \(scale), gap \(gap), \(multiprocessors) multiprocessors" }
        var width: Int {
            switch operation {
            case .mergeNorm: 4 * shape[3]
            case .expandNorm: shape[3] / (scale * scale)
            default: shape[3]
            }
        }
    }

    static let cases: [Case] = [
        Case(operation: .layerNorm, shape: [1, 1, 1, 1]), Case(operation: .layerNorm, shape: [2, 3, 5, 7], gap: 3),
        Case(operation: .layerNorm, shape: [1, 3, 5, 96]), Case(operation: .layerNorm, shape: [1, 2, 3, 33]),
        Case(operation: .layerNorm, shape: [3, 5, 7, 192], gap: 4, multiprocessors: 2),
        Case(operation: .layerNorm, shape: [1, 1, 9, 1536], gap: 8, multiprocessors: 1),
        Case(operation: .normGate, shape: [1, 1, 1, 1]), Case(operation: .normGate, shape: [2, 3, 5, 7], gap: 5),
        Case(operation: .normGate, shape: [3, 5, 7, 192], gap: 192, multiprocessors: 1),
        Case(operation: .normGate, shape: [1, 1, 3, 1536], gap: 4),
        Case(operation: .mergeNorm, shape: [1, 2, 2, 1]), Case(operation: .mergeNorm, shape: [2, 6, 10, 24]),
        Case(operation: .mergeNorm, shape: [1, 4, 2, 7]), Case(operation: .mergeNorm, shape: [1, 2, 6, 384], multiprocessors: 1),
        Case(operation: .expandNorm, shape: [1, 1, 1, 4], scale: 2), Case(operation: .expandNorm, shape: [2, 3, 5, 96], scale: 2),
        Case(operation: .expandNorm, shape: [1, 3, 2, 384], scale: 4), Case(operation: .expandNorm, shape: [2, 2, 3, 28], scale: 2),
        Case(operation: .expandNorm, shape: [1, 2, 3, 1536], scale: 2, multiprocessors: 1),
        Case(operation: .depthwise, shape: [1, 1, 1, 2]), Case(operation: .depthwise, shape: [1, 1, 1, 1]),
        Case(operation: .depthwise, shape: [2, 5, 7, 6], gap: 2), Case(operation: .depthwise, shape: [1, 19, 17, 66], multiprocessors: 1),
        Case(operation: .depthwise, shape: [2, 17, 31, 70], gap: 70, multiprocessors: 1), Case(operation: .depthwise, shape: [1, 1, 9, 4]),
        Case(operation: .depthwise, shape: [1, 33, 1, 4]), Case(operation: .depthwise, shape: [1, 18, 15, 33], gap: 1),
        Case(operation: .addBranch, shape: [1, 1, 1, 1]), Case(operation: .addBranch, shape: [3, 5, 7, 12]),
        Case(operation: .addBranch, shape: [2, 3, 5, 7]),
    ]

    private static let emulation = CUDAEmulation.build(
        "emulate_rows.cpp",
        texts: [
            "ELEMENTS_TEXT": "elements.inc", "NORM_TEXT": "norm/kernels.inc", "DEPTHWISE_TEXT": "depthwise/kernels.inc",
            "RESIDUAL_TEXT": "residual/kernels.inc", "SUM_TEXT": "sum/kernels.inc",
        ])

    /// In float32 to the last bits; 16-bit results to half of the last one. Sums over many rows are
    /// float32 for every type.
    @Test(.enabled(if: CUDAEmulation.isPossible, "clang++ is not in PATH"), arguments: cases, CUDAKernels.Input.allCases)
    func emulatedKernelsAgreeWithTheCPU(of each: Case, input: CUDAKernels.Input) throws {
        let inputs = try Inputs(each, input)
        let expected = try inputs.expected(), got = try inputs.emulated(by: try #require(Self.emulation))
        let stored: Double = [.float32: 4e-6, .bfloat16: 4e-3, .float16: 5e-4][input] ?? 0
        let outputs: [Operation: (Double, Double)] = [
            .expandNorm: (4e-6, stored), .depthwise: (stored, stored), .addBranch: (4e-6, 4e-6),
        ]
        let (ofY, ofX) = outputs[each.operation] ?? (stored, 4e-6)
        // For rows of one number, whose gradients are 0.
        let least = 1e-2
        #expect(relativeError(got.y, expected.y, least: least) < ofY)
        #expect(relativeError(got.dx, expected.dx, least: least) < ofX)
        #expect(relativeError(got.dgate, expected.dgate, least: least) < stored)
        #expect(relativeError(got.dweight, expected.dweight, least: least) < 4e-6)
        #expect(relativeError(got.dbias, expected.dbias, least: least) < 4e-6)
        #expect(got.same == [1], "bits depend on the order of threads")
    }

    /// Sums of several blocks' parts, with and without an addend, of sizes that are whole vectors
    /// and not.
    @Test(
        .enabled(if: CUDAEmulation.isPossible, "clang++ is not in PATH"), arguments: [(1, 5), (2, 24), (6, 1030), (48, 516)],
        CUDAKernels.Input.allCases)
    func emulatedSumsOfPartsAreSums(of each: (parts: Int, count: Int), input: CUDAKernels.Input) throws {
        let program = try #require(Self.emulation)
        let stored: Double = [.float32: 4e-7, .bfloat16: 4e-3, .float16: 5e-4][input] ?? 0
        for hasAddend in [false, true] {
            let type: ElementType = [.float32: .float32, .bfloat16: .bfloat16, .float16: .float16][input] ?? .float32
            let (parts, addend, expected) = try withTorchErrors {
                Torch.manualSeed(7)
                let parts = (Tensor.random(count: each.parts * each.count) + -0.5).reshaped([each.parts, each.count])
                let addend = Tensor.random(count: each.count).to(type).to(.float32)
                return (parts.floats(), addend.floats(), (hasAddend ? parts.sum(axes: [0]) + addend : parts.sum(axes: [0])).floats())
            }
            let results = try EmulatedCase(
                sizes: [6, Int(input.rawValue), 132, 0, 1, 1, each.count, each.parts], arrays: [parts, hasAddend ? addend : [], [], [], []]
            ).run(by: program)
            #expect(relativeError(results.y, expected) < stored)
            #expect(results.same == [1])
        }
    }

    /// The scan that `Benchmarks/gpu.sh` uses as a fallback peer is a selective scan, and compiles.
    @Test(.enabled(if: CUDAEmulation.isPossible, "clang++ is not in PATH")) func theBenchmarksPeerIsASelectiveScan() throws {
        let program = try #require(CUDAEmulation.build("emulate_peer.cpp", texts: [:]))
        let lines = try runProgram(program, []).split(separator: "\n")
        #expect(lines.count == 3)
        for line in lines {
            let errors = try line.split(separator: "\t").dropFirst().map { try #require(Double($0)) }
            #expect(errors.count == 2 && errors.allSatisfy { $0 < 2e-6 }, "\(line)")
        }
    }

    struct Results {
        var y: [Float], dx: [Float], dgate: [Float], dweight: [Float], dbias: [Float]
        var same: [Float] = []
    }

    /// Numbers that the input's type holds exactly, so that both sides start equal.
    private struct Inputs {
        let each: Case, input: CUDAKernels.Input
        let x: Tensor, gate: Tensor?, weight: Tensor, bias: Tensor, dy: Tensor

        init(_ each: Case, _ input: CUDAKernels.Input) throws {
            let type: ElementType = [.float32: .float32, .bfloat16: .bfloat16, .float16: .float16][input] ?? .float32
            let isConvolution = each.operation == .depthwise, isExpanded = each.operation == .expandNorm
            let isResidual = each.operation == .addBranch
            (self.each, self.input) = (each, input)
            (x, gate, weight, bias, dy) = try withTorchErrors {
                Torch.manualSeed(5)
                func random(_ shape: [Int], _ scale: Double, _ mean: Double = 0, rounded: Bool = true) -> Tensor {
                    let values = ((Tensor.random(count: shape.reduce(1, *)) + -0.5) * scale + mean).reshaped(shape)
                    return rounded ? values.to(type).to(.float32) : values
                }
                return (
                    random(each.shape, 4, 0.5, rounded: isConvolution || isExpanded),
                    each.operation == .normGate || isResidual ? random(each.shape, 6) : nil,
                    random(
                        isConvolution ? [each.width, 1, 3, 3] : [isResidual ? each.shape[0] : each.width], 1, isConvolution ? 0 : 1,
                        rounded: false),
                    random([each.width], 1, rounded: false),
                    random(each.shape, 2, rounded: !isExpanded && !isResidual)
                )
            }
        }

        func expected() throws -> Results {
            try withTorchErrors {
                let leaves = [x, weight, bias].map { $0.copied().requiringGrad() }, leafGate = gate.map { $0.copied().requiringGrad() }
                let three = leaves.map(Operator.Argument.tensor)
                let y: Tensor =
                    switch each.operation {
                    case .layerNorm: Operator("vmunet::layer_norm")(three + [.elementType(.float32)], results: 1)[0]
                    case .normGate: Operator("vmunet::norm_gate")(three + [.optional(leafGate)], results: 1)[0]
                    case .mergeNorm: Operator("vmunet::merge_norm")(three + [.elementType(.float32)], results: 1)[0]
                    case .expandNorm: Operator("vmunet::expand_norm")(three + [.int(each.scale)], results: 1)[0]
                    case .depthwise: Operator("vmunet::depthwise_conv_silu")(three, results: 1)[0]
                    case .addBranch: Operator("vmunet::add_branch")([three[0], .optional(leafGate), .tensor(weight)], results: 1)[0]
                    }
                (y * dy.reshaped(y.shape)).sum().backward()
                let gradients = leaves.map { $0.gradient?.floats() ?? [] }
                return Results(
                    y: y.floats(), dx: gradients[0], dgate: leafGate?.gradient?.floats() ?? [], dweight: gradients[1], dbias: gradients[2])
            }
        }

        func emulated(by program: URL) throws -> Results {
            try EmulatedCase(
                sizes: [
                    each.operation.rawValue, Int(input.rawValue), each.multiprocessors, each.gap, each.shape[1], each.shape[2],
                    each.shape[3],
                    each.scale,
                ], arrays: [x.floats(), gate?.floats() ?? [], weight.floats(), bias.floats(), dy.floats()]
            ).run(by: program)
        }
    }

    /// A case in emulate_rows.cpp's form.
    private struct EmulatedCase {
        let sizes: [Int], arrays: [[Float]]

        func run(by program: URL) throws -> Results {
            var data = Data()
            func append(_ value: Int) { withUnsafeBytes(of: Int64(value)) { data.append(contentsOf: $0) } }
            sizes.forEach(append)
            for part in arrays {
                append(part.count)
                part.withUnsafeBytes { data.append(contentsOf: $0) }
            }
            let file = FileManager.default.temporaryDirectory.appending(path: "vmunet-case-\(UUID().uuidString)")
            let result = file.appendingPathExtension("out")
            defer { for each in [file, result] { try? FileManager.default.removeItem(at: each) } }
            try data.write(to: file)
            try runProgram(program, [file.path, result.path])
            let output = try Data(contentsOf: result)
            var at = 0
            func array() throws -> [Float] {
                try #require(at + 8 <= output.count)
                let count = Int(output.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: Int64.self) })
                at += 8
                try #require(count >= 0 && at + 4 * count <= output.count)
                defer { at += 4 * count }
                return output.withUnsafeBytes { bytes in
                    (0..<count).map { bytes.loadUnaligned(fromByteOffset: at + 4 * $0, as: Float.self) }
                }
            }
            return Results(
                y: try array(), dx: try array(), dgate: try array(), dweight: try array(), dbias: try array(), same: try array())
        }
    }
}
