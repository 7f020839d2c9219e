import Foundation
import Networks
import TensorFiles
import Testing
import Torch

@testable import VMUNet

/// Initial weights have the published distributions.
@Suite(.serialized) struct InitialWeightTests {
    let network: TorchVMUNet

    init() throws {
        Torch.manualSeed(7)
        network = try TorchVMUNet(.small)
    }

    private func values(_ suffix: String) -> [[Float]] { network.parameters.filter { $0.key.hasSuffix(suffix) }.map { $0.tensor.floats() } }

    @Test func linearLayersAreNormal() {
        for weights in ["in_proj.weight", "out_proj.weight", "reduction.weight", "expand.weight"].flatMap(values) {
            let (mean, deviation) = moments(weights)
            #expect(abs(mean) < 5 * 0.02 / Double(weights.count).squareRoot())
            #expect(abs(deviation - 0.02) < 0.001)
            #expect(weights.allSatisfy { abs($0) <= 2 })
            // A normal has 4.55 % beyond two deviations; a uniform with that deviation has none.
            let tails = Double(weights.filter { abs($0) > 0.04 }.count) / Double(weights.count)
            #expect(abs(tails - 0.0455) < 0.01)
        }
    }

    @Test func convolutionsAndProjectionsAreUniform() {
        let bounds: [(String, (VMUNetConfiguration) -> Double)] = [
            ("patch_embed.proj.weight", { _ in 1 / 48.0.squareRoot() }), ("layers.0.blocks.0.self_attention.conv2d.weight", { _ in 1 / 3 }),
            ("layers.1.blocks.0.self_attention.x_proj_weight", { 1 / Double(2 * $0.dims[1]).squareRoot() }),
            ("layers.2.blocks.0.self_attention.dt_projs_weight", { 1 / Double(($0.dims[2] + 15) / 16).squareRoot() }),
        ]
        for (key, bound) in bounds {
            let weights = values(key)[0]
            let limit = bound(network.configuration)
            let (mean, deviation) = moments(weights)
            #expect(weights.allSatisfy { abs(Double($0)) <= limit * 1.000001 }, "\(key)")
            #expect(Double(weights.map(abs).max()!) > 0.97 * limit, "\(key) reaches its bound")
            #expect(abs(deviation - limit / 3.0.squareRoot()) < 0.06 * limit, "\(key)")
            #expect(abs(mean) < 0.1 * limit, "\(key)")
        }
    }

    @Test func normsAreOnesAndZeros() {
        for (key, tensor) in network.parameters where key.contains("norm") || key.contains("ln_1") {
            let expected: Float = key.hasSuffix("weight") ? 1 : 0
            #expect(tensor.floats().allSatisfy { $0 == expected }, "\(key)")
        }
    }

    @Test func statesAndSteps() {
        for A in values("A_logs") {
            for (i, value) in A.enumerated() where abs(value - log(Float(i % 16 + 1))) > 1e-6 { Issue.record("A_logs[\(i)] is \(value)") }
        }
        for D in values("Ds") { #expect(D.allSatisfy { $0 == 1 }) }
        for bias in values("dt_projs_bias") {
            // Its softplus is log-uniform in 0.001…0.1, so the logarithm has a uniform's mean and
            // spread.
            let steps = bias.map { log(log1p(exp(Double($0)))) }
            #expect(steps.allSatisfy { $0 > log(0.000999) && $0 < log(0.1001) })
            let (mean, deviation) = moments(steps.map(Float.init))
            #expect(abs(mean - (log(0.001) + log(0.1)) / 2) < 0.35)
            #expect(abs(deviation - (log(0.1) - log(0.001)) / 12.0.squareRoot()) < 0.15)
        }
    }

    @Test func theSeedDecides() throws {
        func weights(_ seed: UInt64) throws -> [Float] {
            Torch.manualSeed(seed)
            return try TorchVMUNet(VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1])).parameters
                .flatMap { $0.tensor.floats() }
        }
        #expect(try weights(1) == weights(1))
        #expect(try weights(1) != weights(2))
    }

    private func moments(_ values: [Float]) -> (mean: Double, deviation: Double) {
        let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
        let variance = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(values.count)
        return (mean, variance.squareRoot())
    }
}
