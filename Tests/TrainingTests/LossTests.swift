import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch

@testable import Training

/// Losses and gradients compared with PyTorch's in float64.
@Suite struct LossTests {
    private func golden(_ name: String) throws -> StateDictionary {
        try SafetensorsFile.read(volumeFixtures.appending(path: name + ".safetensors"))
    }

    /// Compares the value and the gradient of a loss, relative to the tensor's largest value:
    /// float32 against float64.
    private func expect(
        _ loss: (Tensor) -> Tensor, of logits: HostTensor?, value: HostTensor?, gradient: HostTensor?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let wanted = try #require(gradient).doubles
        let (got, gradient) = try withTorchErrors {
            let logits = Tensor(try #require(logits)).requiringGrad()
            let value = loss(logits)
            value.backward()
            return (value.item, try #require(logits.gradient).floats())
        }
        let expected = try #require(value).doubles[0]
        #expect(abs(got - expected) < 1e-6 * abs(expected), "\(got), not \(expected)", sourceLocation: sourceLocation)
        let largest = wanted.map(abs).max() ?? 0
        #expect(gradient.count == wanted.count && largest > 0, sourceLocation: sourceLocation)
        let worst = zip(gradient, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(worst < 2e-6 * largest, "\(worst) of \(largest)", sourceLocation: sourceLocation)
    }

    @Test func binary() throws {
        let golden = try golden("losses")
        let target = Tensor(try #require(golden["bce_dice.target"]))
        try expect(
            { SegmentationLoss().binary($0, target: target) }, of: golden["bce_dice.logits"], value: golden["bce_dice.loss"],
            gradient: golden["bce_dice.dlogits"])
    }

    @Test func manyClasses() throws {
        let golden = try golden("losses")
        let labels = Tensor(try #require(golden["ce_dice.target"]))
        try expect(
            { SegmentationLoss().manyClasses($0, labels: labels) }, of: golden["ce_dice.logits"], value: golden["ce_dice.loss"],
            gradient: golden["ce_dice.dlogits"])
    }

    @Test(arguments: [
        ("lambdas", "labels", SegmentationLoss(crossEntropyWeight: 0.3, diceWeight: 2)),
        ("weights", "labels", SegmentationLoss(classWeights: [0.1, 1, 0, 2.5])),
        ("ignored", "holes", SegmentationLoss(ignoredLabel: 255)),
        ("both", "holes", SegmentationLoss(diceWeight: 0.5, classWeights: [0.1, 1, 0, 2.5], ignoredLabel: 255)),
        ("class_ignored", "labels", SegmentationLoss(ignoredLabel: 2)),
    ])
    func weightsAndIgnoredLabels(name: String, target: String, loss: SegmentationLoss) throws {
        let golden = try golden("weighted_losses")
        let labels = Tensor(try #require(golden[target])).to(.int64)
        try expect(
            { loss.manyClasses($0, labels: labels) }, of: golden["logits"], value: golden[name + ".loss"],
            gradient: golden[name + ".dlogits"])
    }

    /// PyTorch's mean over no pixel is NaN; here it must not end a run.
    @Test(arguments: [
        (UInt8(255), SegmentationLoss(ignoredLabel: 255)), (UInt8(0), SegmentationLoss(classWeights: [0, 1, 1, 1])),
        (UInt8(0), SegmentationLoss(diceWeight: 0, classWeights: [0, 1, 1, 1])),
    ])
    func nothingThatCounts(label: UInt8, loss: SegmentationLoss) throws {
        let (value, gradient) = try withTorchErrors {
            let logits = Tensor((0..<64).map { Float($0 % 7) }, shape: [1, 4, 4, 4]).requiringGrad()
            let labels = Tensor([UInt8](repeating: label, count: 16), shape: [1, 4, 4]).to(.int64)
            let value = loss.manyClasses(logits, labels: labels)
            value.backward()
            return (value.item, try #require(logits.gradient).floats())
        }
        #expect(value.isFinite && (0...loss.diceWeight + 1e-5).contains(value))
        #expect(gradient.allSatisfy { $0.isFinite })
    }

    /// A ruined network is still noticed if no pixel counts.
    @Test func spoiltLogitsShow() throws {
        let value = try withTorchErrors {
            SegmentationLoss(ignoredLabel: 255).manyClasses(
                Tensor([Float](repeating: .nan, count: 64), shape: [1, 4, 4, 4]),
                labels: Tensor([UInt8](repeating: 255, count: 16), shape: [1, 4, 4]).to(.int64)
            ).item
        }
        #expect(value.isNaN)
    }
}

/// Counts and scores of the golden case, made with NumPy.
@Suite struct ConfusionCountTests {
    @Test func scoresEqualFixture() throws {
        struct Expected: Decodable {
            let TP: Int, FP: Int, FN: Int, TN: Int
            let miou: Double, dsc: Double, accuracy: Double, specificity: Double, sensitivity: Double
        }
        let golden = try SafetensorsFile.read(volumeFixtures.appending(path: "binary_metrics.safetensors"))
        let expected = try JSONDecoder().decode(Expected.self, from: Data(try #require(golden.metadata["expected"]?.text).utf8))
        let (probability, target) = (try #require(golden["probability"]).floats, try #require(golden["target"]).floats)
        let counts = ConfusionCounts(probabilities: probability, truth: target)
        #expect(
            counts
                == ConfusionCounts(
                    truePositives: expected.TP, falsePositives: expected.FP, falseNegatives: expected.FN, trueNegatives: expected.TN))
        let scores = BinaryScores(counts)
        for (got, wanted) in [
            (scores.miou, expected.miou), (scores.dsc, expected.dsc), (scores[.accuracy], expected.accuracy),
            (scores[.specificity], expected.specificity), (scores[.sensitivity], expected.sensitivity),
        ] { #expect(abs(try #require(got) - wanted) < 1e-12) }
        // Pooled: the parts add up to the whole.
        let half = probability.count / 2
        let parts =
            ConfusionCounts(probabilities: probability[..<half], truth: target[..<half])
            + ConfusionCounts(probabilities: probability[half...], truth: target[half...])
        #expect(parts == counts)
    }
}
