import Foundation
import Networks
import TensorFiles
import TestSupport
import Testing
import Torch
import Training

@testable import VMUNet

/// The whole network compared with PyTorch in float64: logits, loss, every gradient, then three
/// steps of AdamW.
@Suite(.serialized) struct ParityTests {
    @Test(.enabled(if: TestMachine.fixtures != nil, "set VMUNET_FIXTURES to the folder of golden cases"))
    func smallNetworkForwardBackwardAndThreeSteps() throws {
        let golden = try Golden.read("model_small_train.safetensors")
        let network = try TorchVMUNet(weights: try Golden.read("model_small_weights.safetensors"))
        #expect(network.configuration.dims == [16, 32, 64, 128])
        #expect(network.configuration.depths == [2, 1, 2, 1])
        #expect(network.configuration.decoderDepths == [1, 2, 1, 1])

        let text = try #require(golden.metadata["losses"]?.text)
        let expectedLosses = try JSONDecoder().decode([Double].self, from: Data(text.utf8))
        let optimizer = AdamW(network.parameters.map { $0.tensor.requiringGrad() })
        for step in 0..<3 {
            let (logits, loss) = try withTorchErrors {
                let x = Tensor(try #require(golden["x"])), target = Tensor(try #require(golden["target"]))
                let logits = network(x)
                return (logits, bceDice(logits, target))
            }
            // AdamW divides by the gradient's size, so what rounding changes grows from step to
            // step.
            let tolerance = 1e-5 * Double(step + 1)
            #expect(abs(loss.item - expectedLosses[step]) < tolerance * expectedLosses[step], "loss of step \(step)")
            optimizer.clearGradients()
            try withTorchErrors { loss.backward() }
            if step == 0 {
                #expect(relativeDistance(logits, try #require(golden["logits"])) < 1e-5)
                for (key, parameter) in network.parameters {
                    let error = relativeDistance(try #require(parameter.gradient), try #require(golden["grad." + key]))
                    #expect(error < 1e-4, "gradient of \(key): \(error)")
                }
            }
            try withTorchErrors { optimizer.step() }
        }
        for (key, parameter) in network.parameters {
            // Adam's first steps have the size of the rate for any gradient. Where the gradient is
            // near zero, its sign, and so the step, is rounding.
            let difference = try maximumDifference(parameter.floats(), #require(golden["after3." + key]).floats)
            #expect(difference < 3.1e-3 * 2, "\(key) after three steps: \(difference)")
        }
    }

    @Test func nineClassesOneChannel() throws {
        let golden = try Golden.read("model_small9.safetensors")
        let network = try TorchVMUNet(weights: try Golden.read("model_small9_weights.safetensors"))
        #expect(network.configuration.classes == 9)
        let logits = try withTorchErrors { withoutGradients { network(Tensor(golden["x"]!)) } }
        #expect(relativeDistance(logits, try #require(golden["logits"])) < 1e-5)
    }

    @Test func blockWithGradientsOnAMapThatIsNotSquare() throws {
        let golden = try Golden.read("vss_block.safetensors")
        let weights = StateDictionary(golden.keys.filter { golden["d" + $0] != nil && !["x", "y"].contains($0) }.map { ($0, golden[$0]!) })
        let store = ParameterStore(weights: weights)
        let block = try withTorchErrors { TorchVMUNet.VSSBlock(store.root, channels: 32, stateSize: 16, dropRate: 0) }
        try store.finish()
        try withTorchErrors {
            for (_, tensor) in store.parameters { tensor.requiringGrad() }
            let x = Tensor(golden["x"]!).requiringGrad()
            let y = block(x, .inference)
            #expect(relativeDistance(y, golden["y"]!) < 1e-5)
            (y * Tensor(golden["dy"]!)).sum().backward()
            #expect(relativeDistance(try #require(x.gradient), golden["dx"]!) < 1e-4)
            for (key, tensor) in store.parameters {
                let error = relativeDistance(try #require(tensor.gradient), golden["d" + key]!)
                #expect(error < 1e-4, "\(key): \(error)")
            }
        }
    }

    /// Weights that inference keeps must not outlive a step of the optimiser.
    @Test func inferenceFollowsTraining() throws {
        let golden = try Golden.read("model_small9.safetensors")
        let network = try TorchVMUNet(weights: try Golden.read("model_small9_weights.safetensors"))
        let x = Tensor(golden["x"]!)
        func inferred(_ network: TorchVMUNet) throws -> [Float] { try withTorchErrors { withoutGradients { network(x).floats() } } }
        let before = try inferred(network)
        let optimizer = AdamW(network.parameters.map { $0.tensor.requiringGrad() }, learningRate: 1e-2)
        for _ in 0..<2 {
            _ = try inferred(network)
            try withTorchErrors {
                optimizer.clearGradients()
                network(x).norm().backward()
                optimizer.step()
            }
        }
        let after = try inferred(network)
        #expect(after != before)
        #expect(after == (try withTorchErrors { network(x).floats() }))
        #expect(after == (try inferred(TorchVMUNet(weights: network.stateDictionary()))))
        // Writing to weights without gradients is noticed as well.
        let fixed = try TorchVMUNet(weights: try Golden.read("model_small9_weights.safetensors"))
        #expect(try inferred(fixed) == before)
        try withTorchErrors { for (mine, trained) in zip(fixed.parameters, network.parameters) { mine.tensor.assign(trained.tensor) } }
        #expect(try inferred(fixed) == after)
    }

    @Test func sameInputSameBits() throws {
        let golden = try Golden.read("model_small9.safetensors")
        let network = try TorchVMUNet(weights: try Golden.read("model_small9_weights.safetensors"))
        func run() throws -> [Float] { try withTorchErrors { withoutGradients { network(Tensor(golden["x"]!)).floats() } } }
        let first = try run()
        for _ in 0..<3 { #expect(try run() == first) }
    }

    private func bceDice(_ logits: Tensor, _ target: Tensor) -> Tensor {
        let B = logits.size(0), n = logits.count / B
        let p = logits.sigmoid().reshaped([B, n]), t = target.reshaped([B, n])
        let dice = ((p * t).sum(axes: [1]) * 2 + 1) / (p.sum(axes: [1]) + t.sum(axes: [1]) + 1)
        return logits.binaryCrossEntropy(target: target) + (1 - dice.mean())
    }

    private func maximumDifference(_ a: [Float], _ b: [Float]) throws -> Float {
        try #require(a.count == b.count)
        return zip(a, b).map { abs($0 - $1) }.max() ?? 0
    }
}
