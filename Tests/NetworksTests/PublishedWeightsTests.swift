import Foundation
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Networks

/// Published weights, which have no metadata.
@Suite(.serialized) struct PublishedWeightsTests {
    /// The folder `checkpoints` beside the golden cases.
    private static let checkpoints = ProcessInfo.processInfo.environment["VMUNET_FIXTURES"]
        .map { URL(filePath: $0).deletingLastPathComponent().appending(path: "checkpoints") }
    private static let ultralight = checkpoints?.appending(path: "ultralight_vm_unet_dip")
    private static let isPresent = ultralight.map { FileManager.default.fileExists(atPath: $0.path) } ?? false

    /// A published UltraLight VM-UNet gives the probabilities that its own code gave in PyTorch.
    @Test(.enabled(if: isPresent, "no checkpoints beside VMUNET_FIXTURES"), arguments: [64, 256])
    func ultralightGivesItsOutputs(_ side: Int) throws {
        let folder = try #require(Self.ultralight)
        let weights = try NetworkWeights.read(folder.appending(path: "best-epoch68-loss1.0049.pth"))
        let network = try TorchInference(weights)
        #expect(network.classes == 1 && network.network is UltraLightVMUNet)
        let input = try NumPyFile.read(folder.appending(path: "ref_input_\(side).npy"))
        let expected = try NumPyFile.read(folder.appending(path: "ref_output_\(side).npy"))
        #expect(input.shape == [1, 3, side, side] && expected.shape == [1, 1, side, side])
        let logits = try network.logits(input.floats, batch: 1, height: side, width: side)
        let probabilities = logits.map { 1 / (1 + exp(-$0)) }
        let worst = zip(probabilities, expected.floats).map { abs($0 - $1) }.max() ?? 1
        #expect(worst < 1e-5, "\(worst)")
    }

    /// Small sizes of kinds whose defaults take long.
    private static let small: [String: [String: OptionValue]] = [
        "unet": ["channels": .integer(4)], "unetpp": ["channels": .integer(4)], "attention-unet": ["channels": .integer(4)],
        "vmunet-v2": ["dims": .integers([16, 32, 64, 128]), "depths": .integers([1, 1, 1, 1])],
        "swin-unet": ["channels": .integer(12), "heads": .integers([1, 1, 2, 2])],
        "transunet": ["width": .integer(32), "hidden": .integer(8), "layers": .integer(1), "heads": .integer(2), "mlp": .integer(8)],
    ]

    /// Keys identify each kind, also behind a wrapper's prefix and through the reader that renames
    /// VMamba's keys.
    @Test(arguments: NetworkKind.all.filter { $0.published != nil }.map(\.name), ["", "module.", "net.model."])
    func keysTellTheKind(_ name: String, _ prefix: String) throws {
        let shape = NetworkShape(classes: 3, inputChannels: 2, imageSize: 64)
        let own = try NetworkSettings(name, Self.small[name] ?? [:]).network(shape).stateDictionary()
        var foreign = StateDictionary(own.map { (prefix + $0.0, $0.1) })
        foreign.metadata = [:]
        let found = try #require(NetworkKind.published(foreign.networkWeights))
        #expect(found.kind.name == name && found.shape.classes == 3 && found.shape.inputChannels == 2)
        #expect(Set(found.weights.keys) == Set(own.keys))
        if ["swin-unet", "transunet"].contains(name) { #expect(found.shape.imageSize == 64) }
        // VM-UNet's weights match none of these.
        let vmunet = try TorchVMUNet(VMUNetConfiguration(dims: [4, 8, 16, 32], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1]))
        #expect(NetworkKind.published(try vmunet.stateDictionary()) == nil)
    }

    /// Pictures of another size than the network's get their own attention masks and positions.
    @Test func otherSizesAreAnswered() throws {
        Torch.manualSeed(8)
        let settings = NetworkSettings(
            "swin-unet", ["channels": .integer(8), "heads": .integers([1, 1, 2, 2]), "window": .integer(4), "drop_path": .number(0)])
        let small = try settings.network(NetworkShape(classes: 1, imageSize: 128))
        #expect(small.sizeMultiple == 128)
        try withTorchErrors {
            let x = Tensor.random(count: 3 * 128 * 128).reshaped([1, 3, 128, 128])
            let wide = withoutGradients { small(.concatenated([x, x], axis: 3), .inference) }
            #expect(wide.shape == [1, 1, 128, 256] && wide.floats().allSatisfy(\.isFinite))
        }
        let options: [String: OptionValue] = try #require(Self.small["transunet"])
        let transformer = try NetworkSettings("transunet", options).network(NetworkShape(classes: 1, imageSize: 64))
        let answer = try withTorchErrors {
            withoutGradients { transformer(Tensor.random(count: 3 * 96 * 48).reshaped([1, 3, 96, 48]), .inference) }
        }
        #expect(answer.shape == [1, 1, 96, 48] && answer.floats().allSatisfy(\.isFinite))
    }
}
