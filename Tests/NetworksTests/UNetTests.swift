import Segmentation
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Networks

/// A network with batch normalisation: its number of weights, and its behaviour in evaluation and
/// in bfloat16.
@Suite(.serialized) struct UNetTests {
    struct Case: Sendable {
        var channels = 4

        var settings: NetworkSettings { NetworkSettings("unet", ["channels": .integer(channels)]) }
        func network() throws -> any SegmentationNetwork { try settings.network(NetworkShape(classes: 1, imageSize: 48)) }
    }

    /// The number that the usual implementation has: 31 million.
    @Test func hasThePublishedNumberOfParameters() throws {
        let shape = NetworkShape(classes: 1, imageSize: 256)
        #expect(try NetworkSettings("unet").parameterCount(shape) == 31_037_633)
        #expect(try NetworkSettings("unet", ["upsampling": .text("bilinear")]).parameterCount(shape) == 17_262_977)
        let small = try Case().network()
        #expect(try Case().settings.parameterCount(shape) == small.parameters.reduce(0) { $0 + $1.tensor.count })
    }

    /// Evaluation neither reads the batch's statistics nor writes the running ones; a single
    /// channel is repeated.
    @Test func evaluationLeavesTheStatisticsAlone() throws {
        Torch.manualSeed(3)
        let network = try Case().network()
        try withTorchErrors {
            let grey = Tensor.random(count: 2 * 32 * 32).reshaped([2, 1, 32, 32])
            let color = Tensor.concatenated([grey, grey, grey], axis: 1)
            _ = withoutGradients { network(color, .training) }
            let before = try network.stateDictionary()
            let both = withoutGradients { network(grey, .inference) }
            #expect(both.floats() == withoutGradients { network(color, .inference) }.floats())
            let first = withoutGradients { network(grey.narrowed(axis: 0, start: 0, length: 1), .inference) }
            #expect(relativeError(first.floats(), Array(both.floats().prefix(32 * 32))) < 1e-5)
            for (key, tensor) in try network.stateDictionary() { #expect(tensor == before[key], "\(key)") }
        }
    }

    /// Products in bfloat16 stay near those in float32, and the logits are float32.
    @Test func bfloat16IsNear() throws {
        Torch.manualSeed(4)
        let network = try Case(channels: 8).network()
        try withTorchErrors {
            let x = Tensor.random(count: 3 * 64 * 64).reshaped([1, 3, 64, 64])
            let (exact, rough) = withoutGradients { (network(x, .inference), network(x, ForwardMode(precision: .bfloat16))) }
            #expect(rough.elementType == .float32 && rough.floats() != exact.floats())
            #expect(relativeError(rough.floats(), exact.floats()) < 3e-2)
        }
    }
}
