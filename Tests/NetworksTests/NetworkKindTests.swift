import Segmentation
import TensorFiles
import Testing
import Torch
import VMUNet

@testable import Networks

/// Kinds of networks by name, their settings, and their way through weights and back.
@Suite struct NetworkKindTests {
    private let shape = NetworkShape(classes: 3, imageSize: 64)
    private let small = NetworkSettings("unet", ["channels": .integer(2)])

    @Test func namesAreUnique() {
        let names = NetworkKind.all.map(\.name)
        #expect(Set(names).count == names.count && names.contains("vmunet"))
        #expect(names.allSatisfy { $0 == $0.lowercased() && !$0.isEmpty })
    }

    @Test(arguments: NetworkKind.all.map(\.name)) func defaultsAreComplete(name: String) throws {
        let complete = try NetworkSettings(name).completed(for: NetworkShape(classes: 1, imageSize: 224))
        #expect(complete.name == name && !complete.options.isEmpty)
        #expect(try complete.completed(for: NetworkShape(classes: 1, imageSize: 224)) == complete)
    }

    @Test func everySettingThatMakesNoSenseIsListed() throws {
        let settings = NetworkSettings("unet", ["channels": .text("many"), "upsampling": .text("nearest"), "chanels": .integer(3)])
        let error = try #require(throws: NetworkSettingsError.self) { try settings.completed(for: shape) }
        #expect(error.problems.map(\.key) == ["network.channels", "network.upsampling", "network.chanels"])
        #expect(error.description.contains("network.upsampling: expected one of transposed, bilinear, got nearest"))
        #expect(error.description.contains("network.chanels: expected one of channels, upsampling, got an unknown key"))
    }

    @Test func anUnknownKindNamesThoseThatThereAre() throws {
        let error = try #require(throws: NetworkSettingsError.self) { try NetworkSettings("resnet").network(shape) }
        #expect(error.description == "network.name: expected one of \(NetworkKind.all.map(\.name).joined(separator: ", ")), got resnet")
    }

    @Test func aSizeThatDoesNotFitIsRefused() throws {
        let error = try #require(throws: NetworkSettingsError.self) {
            try small.network(NetworkShape(classes: 1, imageSize: 40))
        }
        #expect(error.description.contains("multiple of 16") && error.description.contains("40"))
    }

    @Test func settingsTravelWithWeights() throws {
        let carried = try small.completed(for: shape).carrying(classes: 3, inputChannels: 3)
        var read = try #require(try NetworkSettings(carried.metadata))
        #expect(read == carried)
        let shape = read.takeShape()
        let taken = try #require(shape)
        #expect(taken.classes == 3 && taken.inputChannels == 3)
        #expect(read == NetworkSettings("unet", ["channels": .integer(2), "upsampling": .text("transposed")]))
        #expect(try NetworkSettings([:]) == nil)
        #expect(throws: MetadataError.self) { try NetworkSettings(["network": .string("unet"), "network_options": .string("[1")]) }
    }

    /// Weights alone rebuild their network, with the same output.
    @Test func weightsSayTheirNetwork() throws {
        Torch.manualSeed(5)
        let settings = try small.completed(for: shape)
        let network = try settings.network(shape)
        var weights = try network.stateDictionary()
        for (key, value) in settings.carrying(classes: 3, inputChannels: 3).metadata { weights.metadata[key] = value }
        let loaded = try TorchInference(weights)
        #expect(loaded.classes == 3 && loaded.inputChannels == 3 && loaded.sizeMultiple == 16)
        let images: [Float] = (0..<3 * 32 * 48).map { Float($0 % 97) / 97 }
        let expected = try withTorchErrors {
            withoutGradients { network(Tensor(images, shape: [1, 3, 32, 48]), .inference).floats() }
        }
        #expect(try loaded.logits(images, batch: 1, height: 32, width: 48) == expected)
    }

    @Test func weightsThatDoNotFitTheirNetworkAreRefused() throws {
        var weights = try small.network(shape).stateDictionary()
        for (key, value) in try small.completed(for: shape).carrying(classes: 3, inputChannels: 3).metadata {
            weights.metadata[key] = value
        }
        weights["inc.double_conv.1.running_mean"] = nil
        weights["outc.conv.bias"] = HostTensor([0], shape: [1])
        let error = try #require(throws: WeightsMismatch.self) { try TorchInference(weights) }
        #expect(error.missing == ["inc.double_conv.1.running_mean"])
        #expect(error.wrongShape == [.init(key: "outc.conv.bias", expected: [3], got: [1])])
    }

    /// The kernels compute VM-UNet alone, and say which program computes the others.
    @Test func theKernelsRefuseOtherNetworks() throws {
        var weights = try small.network(shape).stateDictionary()
        weights.metadata["network"] = .string("unet")
        let error = try #require(throws: OtherNetwork.self) { try NetworkLoader.kernels.load(weights, Compute()) }
        #expect(error.description.contains("unet") && error.description.contains("--libtorch"))
    }

    @Test func initialWeightsFillBuffersAsWell() throws {
        Torch.manualSeed(6)
        let (from, to) = (try small.network(shape), try small.network(NetworkShape(classes: 1, imageSize: 64)))
        try withTorchErrors {
            _ = withoutGradients { from(Tensor.random(count: 2 * 3 * 32 * 32).reshaped([2, 3, 32, 32]), .training) }
        }
        let report = try PretrainedWeights.apply(try from.stateDictionary(), to: to)
        #expect(report.left == ["outc.conv.weight", "outc.conv.bias"])
        let (expected, got) = (try from.stateDictionary(), try to.stateDictionary())
        for (key, _) in report.filled { #expect(got[key] == expected[key], "\(key)") }
        #expect(report.filled.contains { $0.key == "up4.conv.double_conv.4.running_var" })
        let other = try TorchVMUNet(VMUNetConfiguration(dims: [4, 8, 16, 32], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1]))
        #expect(throws: PretrainedWeights.NothingFits.self) { try PretrainedWeights.apply(try other.stateDictionary(), to: to) }
    }
}
