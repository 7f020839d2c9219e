import Foundation
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import Training
import VMUNet

@testable import Networks

/// U-Net against PyTorch's own modules in float64 (Tests/Oracle/unet.py): logits, loss, every
/// gradient, three steps of SGD, and what batch normalisation counted meanwhile.
@Suite(.serialized) struct UNetTests {
    struct Case: Sendable, CustomStringConvertible {
        var channels = 4
        var upsampling = "transposed"
        var classes = 1
        var batch = 3
        var height = 48
        var width = 80

        var arguments: [String] { ["\(channels)", upsampling, "\(classes)", "\(batch)", "\(height)", "\(width)"] }
        var description: String { "\(channels) channels, \(upsampling), \(classes) classes, \(batch)×\(height)×\(width)" }
        var settings: NetworkSettings {
            NetworkSettings("unet", ["channels": .integer(channels), "upsampling": .text(upsampling)])
        }
        func network(_ store: ParameterStore = ParameterStore()) throws -> any SegmentationNetwork {
            try settings.network(NetworkShape(classes: classes, imageSize: 48), from: store)
        }
    }

    @Test(
        .enabled(if: Python.isAvailable, "set VMUNET_PYTHON to a Python with torch"),
        arguments: [
            Case(), Case(upsampling: "bilinear"), Case(channels: 8, classes: 4, batch: 2, height: 64, width: 32),
            Case(channels: 6, upsampling: "bilinear", classes: 9, batch: 2, height: 32, width: 64),
        ])
    func equalsPyTorch(_ setting: Case) throws {
        let folder = try TemporaryFolder()
        try Oracle.run("unet.py", [folder.url.path] + setting.arguments)
        let weights = try SafetensorsFile.read(folder.url.appending(path: "weights.safetensors"))
        let golden = try SafetensorsFile.read(folder.url.appending(path: "case.safetensors"))
        let network = try setting.network(ParameterStore(weights: weights))
        #expect(Set(try network.stateDictionary().keys) == Set(weights.keys))

        let (x, target) = (Tensor(golden["x"]!), Tensor(golden["target"]!))
        var sgd = OptimizerConfiguration(.sgd)
        (sgd.learningRate, sgd.momentum, sgd.weightDecay) = (0.05, 0.9, 0)
        let optimizer = sgd.make(network.parameters.map { $0.tensor.requiringGrad() })
        for step in 0..<3 {
            let (logits, loss) = try withTorchErrors {
                let logits = network(x, .training)
                return (logits, setting.classes == 1 ? logits.binaryCrossEntropy(target: target) : logits.crossEntropy(labels: target))
            }
            let expected = Double(golden["losses"]!.floats[step])
            #expect(abs(loss.item - expected) < 1e-5 * expected, "loss of step \(step): \(loss.item), expected \(expected)")
            optimizer.clearGradients()
            try withTorchErrors { loss.backward() }
            if step == 0 {
                #expect(relativeError(logits.floats(), golden["logits"]!.floats) < 1e-5)
                for (key, parameter) in network.parameters {
                    let gradient = try #require(parameter.gradient).floats()
                    let error = relativeError(gradient, golden["grad." + key]!.floats)
                    // Sums over every pixel in float32, where a ReLU at zero may take the other
                    // side.
                    #expect(error < 1e-4, "gradient of \(key): \(error)")
                }
            }
            try withTorchErrors { optimizer.step() }
        }
        for (key, tensor) in try network.stateDictionary() {
            let expected = golden["after." + key]!
            if key.hasSuffix("num_batches_tracked") {
                #expect(tensor.elementType == .int64 && tensor.floats == [3])
            } else {
                let error = relativeError(tensor.floats, expected.floats)
                #expect(error < 1e-4, "\(key) after three steps: \(error)")
            }
        }
        let evaluated = try withTorchErrors { withoutGradients { network(x, .inference).floats() } }
        #expect(relativeError(evaluated, golden["evaluated"]!.floats) < 1e-4)
    }

    /// The number that the usual implementation has: 31 million.
    @Test func hasThePublishedNumberOfParameters() throws {
        let shape = NetworkShape(classes: 1, imageSize: 256)
        #expect(try NetworkSettings("unet").parameterCount(shape) == 31_037_633)
        #expect(try NetworkSettings("unet", ["upsampling": .text("bilinear")]).parameterCount(shape) == 17_262_977)
        let small = try Case().network()
        #expect(try Case().settings.parameterCount(shape) == small.parameters.reduce(0) { $0 + $1.tensor.count })
    }

    /// Evaluation neither reads the batch's statistics nor writes the running ones; one channel is
    /// three alike.
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
