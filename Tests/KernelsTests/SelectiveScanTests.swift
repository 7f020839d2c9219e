import CKernels
import TestSupport
import Testing
import Torch

/// The scan of sequences by this package's kernels against libtorch's own operators, on every
/// instruction set: y, and the gradient of each input.
@Suite(.serialized) struct SelectiveScanTests {
    struct Case: Sendable {
        var batch = 2
        var channels = 20
        var length = 70
        var states = 4
        var groups = 2
        var hasSkip = true
        var hasBias = true
        var softplus = true
        /// States may grow: A of any sign.
        var grows = false
    }

    @Test(
        arguments: [
            Case(), Case(batch: 1, channels: 1, length: 1, states: 1, groups: 1),
            Case(batch: 1, channels: 5, length: 63, states: 3, groups: 1),
            Case(batch: 1, channels: 16, length: 64, states: 16, groups: 1), Case(channels: 24, length: 65, states: 5, groups: 4),
            Case(batch: 1, channels: 130, length: 129, states: 1, groups: 1), Case(hasSkip: false), Case(hasBias: false),
            Case(softplus: false, grows: true), Case(hasSkip: false, hasBias: false, softplus: false, grows: true),
        ], ["avx512", "avx2", "portable"])
    func equalsLibtorch(_ c: Case, _ instructions: String) throws {
        guard String(cString: vmk_set_instruction_set(instructions)) == instructions else { return }
        defer { vmk_set_instruction_set(nil) }
        Torch.manualSeed(11)
        try withTorchErrors {
            func random(_ shape: [Int], _ low: Double = -1, _ high: Double = 1) -> Tensor {
                let x = Tensor(emptyOfShape: shape)
                x.fillUniform(from: low, to: high)
                return x
            }
            let sequence = [c.batch, c.channels, c.length], shared = [c.batch, c.groups, c.states, c.length]
            let values = [
                random(sequence), random(sequence),
                c.grows ? random([c.channels, c.states], -0.2, 0.02) : random([c.channels, c.states], -3, -0.1),
                random(shared), random(shared), random([c.channels]), random([c.channels], -3, 0),
            ]
            let weight = random(sequence)
            func results(withKernels: Bool) -> [[Float]] {
                Torch.usesKernels = withKernels
                defer { Torch.usesKernels = true }
                let leaves = values.map { $0.copied().requiringGrad() }
                let y = Operator("vmunet::selective_scan")(
                    .tensor(leaves[0]), .tensor(leaves[1]), .tensor(leaves[2]), .tensor(leaves[3]), .tensor(leaves[4]),
                    c.hasSkip ? .tensor(leaves[5]) : .none, c.hasBias ? .tensor(leaves[6]) : .none, .bool(c.softplus))
                (y * weight).sum().backward()
                return [y.floats()] + leaves.compactMap { $0.gradient?.floats() }
            }
            let (got, expected) = (results(withKernels: true), results(withKernels: false))
            #expect(got.count == expected.count && got.count == 6 + (c.hasSkip ? 1 : 0) + (c.hasBias ? 1 : 0))
            for (i, pair) in zip(got, expected).enumerated() {
                // Both are float32 over as many as 129 steps.
                let error = relativeDistance(pair.0, pair.1)
                #expect(error < 2e-5, "\(c), \(instructions), \(i == 0 ? "y" : "gradient \(i)"): \(error)")
            }
            // Without gradients nothing is kept, and nothing else changes.
            let plain = withoutGradients {
                Operator("vmunet::selective_scan")(
                    .tensor(values[0]), .tensor(values[1]), .tensor(values[2]), .tensor(values[3]), .tensor(values[4]),
                    c.hasSkip ? .tensor(values[5]) : .none, c.hasBias ? .tensor(values[6]) : .none, .bool(c.softplus)
                ).floats()
            }
            #expect(plain == got[0])
        }
    }

    /// The kernels check nothing, so shapes that do not fit are refused before the call.
    @Test func shapesThatDoNotFitAreRefused() throws {
        func scan(_ u: [Int], _ A: [Int], _ B: [Int]) throws {
            let make = { (shape: [Int]) in Tensor.random(count: shape.reduce(1, *)).reshaped(shape) }
            _ = try withTorchErrors {
                Operator("vmunet::selective_scan")(
                    .tensor(make(u)), .tensor(make(u)), .tensor(make(A)), .tensor(make(B)), .tensor(make(B)))
            }
        }
        try scan([1, 6, 5], [6, 2], [1, 3, 2, 5])
        for (u, A, B) in [
            ([1, 6, 5], [5, 2], [1, 1, 2, 5]), ([1, 6, 5], [6, 2], [1, 4, 2, 5]), ([1, 6, 5], [6, 2], [1, 1, 2, 4]),
            ([1, 6, 5], [6, 2], [2, 1, 2, 5]), ([1, 6, 5], [6, 257], [1, 1, 257, 5]), ([6, 5], [6, 2], [1, 1, 2, 5]),
        ] { #expect(throws: (any Error).self, "\(u) \(A) \(B)") { try scan(u, A, B) } }
    }
}
