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

/// Every kind of network against PyTorch's own modules in float64 (Tests/Oracle): keys, logits,
/// loss, every gradient, three steps of SGD, what batch normalisation counted meanwhile, and the
/// multiply-adds.
@Suite(.serialized) struct NetworkParityTests {
    struct Case: Sendable, CustomStringConvertible {
        /// The module in Tests/Oracle.
        let oracle: String
        let settings: NetworkSettings
        var classes = 1
        var batch = 2
        var height = 64
        var width = 96
        /// Relative to the largest logit.
        var tolerance = 1e-5
        /// Of gradients: a ReLU at zero may take the other side in float32. PyTorch's own float32 is
        /// up to 2e-2 from its float64 in TransUNet, with these sizes.
        var gradientTolerance: Float = 1e-4
        /// Of later losses, weights and logits: sums over every pixel in float32, where a ReLU at
        /// zero may take the other side, go into each step. PyTorch's own float32 ends up to 7e-2
        /// from its float64 in Attention U-Net.
        var laterTolerance = 1e-4
        /// The multiply-adds of the scans, which PyTorch's counter does not see.
        var scanMultiplyAdds = 0

        var description: String { "\(settings.name) \(settings.options), \(classes) classes, \(batch)×\(height)×\(width)" }

        func arguments(_ folder: String) throws -> [String] {
            let options = String(decoding: try JSONEncoder().encode(settings.options), as: UTF8.self)
            return [oracle, folder, options, "\(classes)", "\(batch)", "\(height)", "\(width)"]
        }
        func network(_ store: ParameterStore) throws -> any SegmentationNetwork {
            try settings.network(NetworkShape(classes: classes, imageSize: height), from: store)
        }
    }

    private static let sixStages: [String: OptionValue] = ["channels": .integers([4, 8, 8, 12, 16, 20])]
    private static let swin: [String: OptionValue] = [
        "channels": .integer(12), "depths": .integers([2, 2, 1, 1]), "heads": .integers([1, 2, 3, 4]), "window": .integer(4),
        "drop_path": .number(0),
    ]
    private static let transformer: [String: OptionValue] = [
        "width": .integer(32), "units": .integers([1, 1, 2]), "hidden": .integer(24), "layers": .integer(2), "heads": .integer(3),
        "mlp": .integer(48), "decoder_channels": .integers([12, 8, 6, 4]), "dropout": .number(0),
    ]
    private static let vmunetV2: [String: OptionValue] = [
        "dims": .integers([16, 32, 64, 128]), "depths": .integers([1, 2, 1, 1]), "skip_channels": .integer(6), "drop_path": .number(0),
    ]

    @Test(
        .enabled(if: Python.isAvailable, "set VMUNET_PYTHON to a Python with torch"),
        arguments: [
            Case(oracle: "unet", settings: .init("unet", ["channels": .integer(4)]), batch: 3, height: 48, width: 80),
            Case(
                oracle: "unet", settings: .init("unet", ["channels": .integer(6), "upsampling": .text("bilinear")]), classes: 9, height: 32,
                width: 64),
            Case(
                oracle: "unetpp", settings: .init("unetpp", ["channels": .integer(4)]), batch: 3, height: 48, width: 80,
                laterTolerance: 1e-3),
            Case(
                oracle: "attention_unet", settings: .init("attention-unet", ["channels": .integer(4)]), classes: 3, height: 48, width: 32,
                tolerance: 1e-4, gradientTolerance: 1e-3, laterTolerance: 1e-2),
            Case(oracle: "malunet", settings: .init("malunet", sixStages)),
            Case(oracle: "malunet", settings: .init("malunet", sixStages), classes: 4, width: 64),
            Case(
                oracle: "ultralight", settings: .init("ultralight-vm-unet", sixStages), height: 32, width: 64,
                scanMultiplyAdds: 3 * 16 * 4 * ultralightUpdates),
            Case(
                oracle: "vmunet_v2", settings: .init("vmunet-v2", vmunetV2), height: 32, width: 64,
                scanMultiplyAdds: 2 * vmunetV2Scans),
            Case(
                oracle: "vmunet_v2", settings: .init("vmunet-v2", vmunetV2), classes: 3, height: 32, width: 32,
                scanMultiplyAdds: vmunetV2Scans),
            Case(oracle: "swin_unet", settings: .init("swin-unet", swin), width: 128),
            Case(oracle: "swin_unet", settings: .init("swin-unet", swin), classes: 9, width: 128),
            Case(oracle: "transunet", settings: .init("transunet", transformer), gradientTolerance: 3e-2),
        ])
    func equalsPyTorch(_ setting: Case) throws {
        let folder = try TemporaryFolder()
        try Oracle.run("parity.py", try setting.arguments(folder.url.path))
        let weights = try SafetensorsFile.read(folder.url.appending(path: "weights.safetensors"))
        let golden = try SafetensorsFile.read(folder.url.appending(path: "case.safetensors"))
        let network = try setting.network(ParameterStore(weights: weights))
        #expect(Set(try network.stateDictionary().keys) == Set(weights.keys))
        // Buffers derived from the sizes equal those of the weights.
        for (key, tensor) in try setting.network(ParameterStore()).stateDictionary()
        where key.hasSuffix("attn_mask") || key.hasSuffix("position_index") {
            #expect(tensor.floats == weights[key]?.floats, "\(key)")
        }

        let (x, target) = (Tensor(golden["x"]!), Tensor(golden["target"]!))
        var sgd = OptimizerConfiguration(.sgd)
        (sgd.learningRate, sgd.momentum, sgd.weightDecay) = (0.01, 0.9, 0)
        let optimizer = sgd.make(network.parameters.map { $0.tensor.requiringGrad() })
        for step in 0..<3 {
            let (logits, loss) = try withTorchErrors {
                let logits = network(x, .training)
                return (logits, setting.classes == 1 ? logits.binaryCrossEntropy(target: target) : logits.crossEntropy(labels: target))
            }
            let expected = Double(golden["losses"]!.floats[step])
            #expect(
                abs(loss.item - expected) < (step == 0 ? setting.tolerance : setting.laterTolerance) * expected,
                "loss of step \(step): \(loss.item), expected \(expected)")
            if step == 0 {
                try withTorchErrors { loss.backward() }
            } else {
                optimizer.clearGradients()
                try withTorchErrors { loss.backward() }
            }
            if step == 0 {
                let error = relativeError(logits.floats(), golden["logits"]!.floats)
                #expect(error < setting.tolerance, "logits: \(error)")
                // A gradient that is zero but for rounding, as of a bias before a normalisation, is
                // held against the others.
                let greatest = golden.filter { $0.hasPrefix("grad.") }.map { $0.1.floats.map(abs).max() ?? 0 }.max() ?? 0
                for (key, parameter) in network.parameters {
                    // Unused parameters have no gradient in PyTorch either.
                    guard let expected = golden["grad." + key] else {
                        #expect(parameter.gradient == nil, "\(key) has a gradient")
                        continue
                    }
                    let got = try #require(parameter.gradient).floats()
                    let scale = max(expected.floats.map(abs).max() ?? 0, greatest / 100)
                    let error = zip(got, expected.floats).map { abs($0 - $1) }.max() ?? 0
                    #expect(
                        got.count == expected.count && error < setting.gradientTolerance * scale, "gradient of \(key): \(error) of \(scale)"
                    )
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
                #expect(error < setting.laterTolerance, "\(key) after three steps: \(error)")
            }
        }
        let evaluated = try withTorchErrors { withoutGradients { network(x, .inference).floats() } }
        #expect(relativeError(evaluated, golden["evaluated"]!.floats) < 10 * setting.laterTolerance)
        let count = OperationCount.of { withoutGradients { _ = network(x.narrowed(axis: 0, start: 0, length: 1), .inference) } }
        #expect(count - setting.scanMultiplyAdds == golden["multiply_adds"]!.integers?.first)
    }

    /// Updates of the scans, tokens times inner channels: of all stages of a 32×64 picture, in which
    /// Mamba has one direction and four quarters of the channels; of the encoder of a 32×32 picture,
    /// for each of four directions.
    private static var ultralightUpdates: Int {
        let (a, b, c, d) = (4 * 8, 2 * 4, 1 * 2, 1 * 2)
        let inner = { (channels: Int) in 2 * channels / 4 }
        return a * inner(8) + b * inner(12) + c * inner(16) + d * inner(20) + c * inner(16) + b * inner(12)
    }
    private static var vmunetV2Updates: Int { 8 * 8 * 32 + 2 * 4 * 4 * 64 + 2 * 2 * 128 }

    /// The steps of the first stage, of rank 1, count among them: PyTorch multiplies element by
    /// element there, which its counter does not see either.
    private static var vmunetV2Scans: Int { 3 * 16 * 4 * vmunetV2Updates + 4 * 8 * 8 * 32 }

    /// Numbers of the published code at its defaults, three channels and one class, except where it
    /// says otherwise.
    @Test(arguments: [
        ("unetpp", 9_163_329), ("attention-unet", 34_878_573), ("malunet", 177_943), ("ultralight-vm-unet", 49_457),
        ("vmunet-v2", 22_770_934), ("swin-unet", 27_168_900), ("transunet", 105_277_081),
    ])
    func hasThePublishedNumberOfParameters(_ name: String, _ count: Int) throws {
        let classes = ["swin-unet": 9, "transunet": 9][name] ?? 1
        #expect(try NetworkSettings(name).parameterCount(NetworkShape(classes: classes, imageSize: 224)) == count)
    }
}
