import Networks
import TensorFiles
import Testing
import Torch

@testable import VMUNet

@Suite struct ConfigurationTests {
    /// Table V: blocks, parameters, FLOPs in G.
    @Test(arguments: [
        ([2, 2, 2, 2], [2, 2, 2, 1], 27_427_561, 4.1119), ([2, 2, 2, 2], [2, 2, 2, 2], 27_532_969, 4.3501),
        ([2, 2, 3, 2], [2, 3, 2, 2], 29_924_521, 4.8090),
        ([2, 2, 4, 2], [2, 4, 2, 2], 32_316_073, 5.2679), ([2, 2, 9, 2], [2, 9, 2, 2], 44_273_833, 7.5623),
    ])
    func tableV(depths: [Int], decoderDepths: [Int], parameters: Int, gigaFLOPs: Double) {
        let summary = VMUNetSummary(VMUNetConfiguration(depths: depths, decoderDepths: decoderDepths), height: 256, width: 256)
        #expect(summary.parameters == parameters)
        #expect((Double(summary.paperFLOPs) / 1e5).rounded() / 1e4 == gigaFLOPs)
        #expect(summary.flops > summary.paperFLOPs)
    }

    @Test(arguments: [
        VMUNetConfiguration.small,
        VMUNetConfiguration(classes: 9, dims: [20, 40, 80, 160], depths: [1, 2, 1, 3], decoderDepths: [3, 1, 2, 1], stateSize: 8),
    ])
    func countedParametersAreThoseBuilt(_ configuration: VMUNetConfiguration) throws {
        let network = try TorchVMUNet(configuration)
        let built = network.parameters.reduce(0) { $0 + $1.tensor.count }
        #expect(built == VMUNetSummary(configuration, height: 64, width: 64).parameters)
    }

    @Test func theArchitectureIsReadOffTheWeights() throws {
        var configuration = VMUNetConfiguration(
            classes: 5, dims: [12, 24, 48, 96], depths: [1, 2, 1, 2], decoderDepths: [2, 1, 1, 1], stateSize: 4)
        let weights = try TorchVMUNet(configuration).stateDictionary()
        let read = try VMUNetConfiguration(readFrom: weights)
        configuration.dropPath = read.dropPath  // not recorded in weights
        #expect(read == configuration)
    }

    @Test func everyMisfitIsInOneError() throws {
        let configuration = VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1])
        var weights = try TorchVMUNet(configuration).stateDictionary()
        weights["vmunet.layers.0.blocks.0.self_attention.Ds"] = nil
        weights["vmunet.final_up.norm.bias"] = nil
        weights["vmunet.layers.1.blocks.0.ln_1.bias"] = HostTensor([Float](repeating: 0, count: 3))
        weights["extra"] = HostTensor([Float](repeating: 0, count: 2))
        do {
            _ = try TorchVMUNet(weights: weights)
            Issue.record("weights that do not fit were taken")
        } catch let error as WeightsMismatch {
            #expect(error.missing == ["vmunet.layers.0.blocks.0.self_attention.Ds", "vmunet.final_up.norm.bias"])
            #expect(error.unexpected == ["extra"])
            let shape = try #require(error.wrongShape.first)
            #expect(error.wrongShape.count == 1)
            #expect(shape.key == "vmunet.layers.1.blocks.0.ln_1.bias")
            #expect(shape.expected == [16])
            #expect(shape.got == [3])
            for name in ["Ds", "final_up.norm.bias", "ln_1.bias", "extra"] { #expect("\(error)".contains(name)) }
        }
    }

    @Test func dropRatesRiseAndFall() {
        let configuration = VMUNetConfiguration(dropPath: 0.7)
        #expect(configuration.encoderDropRates.flatMap { $0 }.map { ($0 * 10).rounded() } == [0, 1, 2, 3, 4, 5, 6, 7])
        #expect(configuration.decoderDropRates.flatMap { $0 }.first == 0.7)
        #expect(configuration.decoderDropRates.flatMap { $0 }.last == 0)
        #expect(configuration.decoderDropRates.map(\.count) == [2, 2, 2, 1])
    }

    @Test(arguments: [
        VMUNetConfiguration(classes: 0), VMUNetConfiguration(dims: [96, 192, 384]), VMUNetConfiguration(dims: [10, 20, 40, 80]),
        VMUNetConfiguration(dims: [96, 192, 384, 700]), VMUNetConfiguration(depths: [2, 0, 2, 2]), VMUNetConfiguration(stateSize: 0),
        VMUNetConfiguration(dropPath: 1),
    ])
    func impossibleSizesAreRefused(_ configuration: VMUNetConfiguration) {
        #expect(throws: ConfigurationError.self) { try configuration.validate() }
    }
}
