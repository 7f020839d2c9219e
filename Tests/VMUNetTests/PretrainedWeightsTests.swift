import Networks
import TensorFiles
import TestSupport
import Testing
import Torch

@testable import VMUNet

@Suite(.serialized) struct PretrainedWeightsTests {
    private let configuration = VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 2, 1], decoderDepths: [1, 2, 1, 1])

    /// A VMamba checkpoint of these sizes: the encoder's keys without `vmunet.`, and a classifier.
    private func vmamba() throws -> StateDictionary {
        Torch.manualSeed(3)
        let encoder = try TorchVMUNet(configuration).stateDictionary().filter {
            $0.key.contains(".layers.") || $0.key.contains("patch_embed")
        }
        var weights = StateDictionary(encoder.map { (String($0.key.dropFirst("vmunet.".count)), $0.tensor) })
        weights["head.weight"] = HostTensor([Float](repeating: 1, count: 640), shape: [10, 64])
        return weights
    }

    @Test func encoderAndMirroredDecoderAreFilled() throws {
        let weights = try vmamba()
        Torch.manualSeed(4)
        let network = try TorchVMUNet(configuration)
        let report = try PretrainedWeights.apply(weights, to: network)
        let filled = Dictionary(uniqueKeysWithValues: report.filled.map { ($0.key, $0.from) })
        #expect(filled["vmunet.layers.2.blocks.1.ln_1.weight"] == "layers.2.blocks.1.ln_1.weight")
        #expect(filled["vmunet.layers_up.0.blocks.0.self_attention.in_proj.weight"] == "layers.3.blocks.0.self_attention.in_proj.weight")
        #expect(filled["vmunet.layers_up.1.blocks.1.self_attention.A_logs"] == "layers.2.blocks.1.self_attention.A_logs")
        #expect(report.left.contains("vmunet.final_conv.weight"))
        #expect(report.unused == ["head.weight"])
        let key = "vmunet.layers_up.1.blocks.0.self_attention.in_proj.weight"
        let parameter = try #require(network.parameters.first { $0.key == key }).tensor
        #expect(parameter.floats() == weights["layers.2.blocks.0.self_attention.in_proj.weight"]!.floats)
    }

    /// Weights for three channels in networks of one and of six: a picture that is the same in all
    /// channels gives the same answer.
    @Test(arguments: [1, 6])
    func otherChannelsThanThree(_ channels: Int) throws {
        Torch.manualSeed(6)
        let weights = try TorchVMUNet(configuration).stateDictionary()
        var other = configuration
        other.inputChannels = channels
        let network = try TorchVMUNet(other)
        let report = try PretrainedWeights.apply(weights, to: network)
        #expect(report.left.isEmpty && report.unused.isEmpty && report.notes.count == 1)
        #expect(report.notes[0].contains("is for 3 channels: averaged over them for the \(channels) here"))
        let plane = (0..<32 * 32).map { Float(($0 * 37) % 101) / 101 }
        func logits(_ network: TorchVMUNet, _ channels: Int) throws -> [Float] {
            let images = (0..<channels).flatMap { _ in plane }
            return try TorchInference(network).logits(images, batch: 1, height: 32, width: 32)
        }
        let (expected, found) = (try logits(TorchVMUNet(weights: weights), 3), try logits(network, channels))
        let largest = expected.map(abs).max() ?? 0
        #expect(largest > 0 && zip(expected, found).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, largest) })
    }

    /// A checkpoint as PyTorch saves VMamba's, with more blocks in the third stage than this
    /// decoder has, and a classifier.
    @Test(.enabled(if: TestMachine.fixtures != nil, "set VMUNET_FIXTURES to the folder of golden cases"))
    func aCheckpointOfVMamba() throws {
        let weights = try WeightsFile.read(try #require(TestMachine.fixtures).appending(path: "vmamba_pretrained.pth"))
        Torch.manualSeed(5)
        let network = try TorchVMUNet(
            VMUNetConfiguration(dims: [16, 32, 64, 128], depths: [2, 2, 5, 2], decoderDepths: [2, 2, 2, 1]))
        let before = try network.stateDictionary()
        let report = try PretrainedWeights.apply(weights, to: network)
        // All of the encoder, and the decoder's blocks; patch expanding and the head have no
        // counterpart.
        #expect(Set(report.unused) == ["norm.weight", "norm.bias", "head.weight", "head.bias"])
        #expect(report.left.allSatisfy { $0.contains(".upsample.") || $0.contains("final_") } && !report.left.isEmpty)
        for (key, tensor) in try network.stateDictionary() {
            let parts = key.split(separator: ".").map(String.init)
            var source: String = parts.dropFirst().joined(separator: ".")
            if parts[1] == "layers_up", let stage = Int(parts[2]) {
                source = "layers.\(3 - stage)." + parts.dropFirst(3).joined(separator: ".")
            }
            let expected: HostTensor? = report.left.contains(key) ? before[key] : weights[source]
            #expect(tensor.floats == expected?.floats, "\(key)")
        }
    }

    @Test func fillingNothingIsAnError() throws {
        let network = try TorchVMUNet(configuration)
        #expect(throws: PretrainedWeights.NothingFits.self) {
            try PretrainedWeights.apply(StateDictionary([("head.weight", HostTensor([1 as Float]))]), to: network)
        }
    }
}
