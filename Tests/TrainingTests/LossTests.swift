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

    /// Focal, Tversky, boundary and centreline Dice terms are MONAI's (Fixtures/loss_terms.py), on
    /// tensors with gradients and on the host.
    @Test(arguments: [
        ("focal", LossTerms(focal: 1)), ("focal_alpha", LossTerms(focal: 1, gamma: 1.5, alpha: 0.25)), ("tversky", LossTerms(tversky: 1)),
        ("boundary", LossTerms(boundary: 1)), ("cldice", LossTerms(cldice: 1)), ("cldice_5", LossTerms(cldice: 1, iterations: 5)),
        ("holes_focal", LossTerms(focal: 1)), ("holes_tversky", LossTerms(tversky: 1)), ("holes_boundary", LossTerms(boundary: 1)),
        ("holes_cldice", LossTerms(cldice: 1)),
    ])
    func binaryTermsAreMONAIs(name: String, terms: LossTerms) throws {
        let golden = try golden("loss_terms")
        let target = try #require(golden[name.hasPrefix("holes") ? "binary.holes" : "binary.target"])
        let loss = SegmentationLoss(
            crossEntropyWeight: 0, diceWeight: 0, ignoredLabel: name.hasPrefix("holes") ? 255 : nil, terms: terms)
        try expectTerm(loss, "binary." + name, golden, .binary(target.floats), Tensor(target))
    }

    @Test(arguments: [
        ("focal", LossTerms(focal: 1), nil), ("focal_weights", LossTerms(focal: 1, gamma: 1), [0.1, 1, 0, 2.5]),
        ("tversky", LossTerms(tversky: 1), nil), ("boundary", LossTerms(boundary: 1), nil), ("cldice", LossTerms(cldice: 1), nil),
        ("holes_focal", LossTerms(focal: 1), nil), ("holes_tversky", LossTerms(tversky: 1), nil),
        ("holes_boundary", LossTerms(boundary: 1), nil), ("holes_cldice", LossTerms(cldice: 1), nil),
    ])
    func termsOfClassesAreMONAIs(name: String, terms: LossTerms, weights: [Double]?) throws {
        let golden = try golden("loss_terms")
        let target = try #require(golden[name.hasPrefix("holes") ? "labels.holes" : "labels.target"])
        let loss = SegmentationLoss(
            crossEntropyWeight: 0, diceWeight: 0, classWeights: weights, ignoredLabel: name.hasPrefix("holes") ? 255 : nil, terms: terms)
        try expectTerm(
            loss, "labels." + name, golden, .labels(target.doubles.map { UInt8($0) }), Tensor(target).to(.int64))
    }

    private func expectTerm(
        _ loss: SegmentationLoss, _ name: String, _ golden: StateDictionary, _ target: Sample.Target, _ truth: Tensor
    ) throws {
        let logits = try #require(golden[name.prefix { $0 != "." } + ".logits"]), shape = logits.shape
        let distances = Tensor(target.signedDistances(classes: shape[1], height: shape[2], width: shape[3]), shape: shape)
        try expect(
            { loss($0, truth, distances: distances) }, of: logits, value: golden[name + ".loss"], gradient: golden[name + ".dlogits"])
        let host = loss.value(
            Logits(logits.floats, batch: shape[0], classes: shape[1], height: shape[2], width: shape[3]), target)
        let expected = try #require(golden[name + ".loss"]).doubles[0]
        #expect(abs(host - expected) < 1e-6 * abs(expected), "on the host \(host), not \(expected)")
    }

    /// γ 0 is the cross-entropy, weights of ½ a Dice loss, and terms add up by their weights.
    @Test func termsAtTheirLimitsAddUp() throws {
        let golden = try golden("loss_terms")
        let logits = try #require(golden["labels.logits"]), target = try #require(golden["labels.target"]), shape = logits.shape
        let host = Logits(logits.floats, batch: shape[0], classes: shape[1], height: shape[2], width: shape[3])
        let truth = Sample.Target.labels(target.doubles.map { UInt8($0) })
        func value(_ crossEntropy: Double, _ terms: LossTerms) -> Double {
            SegmentationLoss(crossEntropyWeight: crossEntropy, diceWeight: 0, terms: terms).value(host, truth)
        }
        #expect(abs(value(0, LossTerms(focal: 1, gamma: 0)) - value(1, LossTerms())) < 1e-9)
        var sum = LossTerms(focal: 2, gamma: 2, boundary: 0.5)
        let parts = value(1, LossTerms()) + 2 * value(0, LossTerms(focal: 1)) + 0.5 * value(0, LossTerms(boundary: 1))
        #expect(abs(value(1, sum) - parts) < 1e-9)
        sum = LossTerms()
        #expect(sum.areOff && value(0, sum) == 0)
    }

    /// Logits of ±200 overflow nothing, and where no pixel counts the terms are 0 or their
    /// smoothing's.
    @Test(arguments: [255, nil])
    func termsStayFinite(ignored: Int?) throws {
        let terms = LossTerms(focal: 1, gamma: 0.5, tversky: 1, boundary: 1, cldice: 1)
        let loss = SegmentationLoss(crossEntropyWeight: 0, diceWeight: 0, ignoredLabel: ignored, terms: terms)
        let labels = [UInt8](repeating: ignored == nil ? 1 : 255, count: 16)
        let target = Sample.Target.labels(labels)
        let logits = (0..<48).map { Float($0 % 3 == 0 ? 200 : -200) }
        let (value, gradient) = try withTorchErrors {
            let leaf = Tensor(logits, shape: [1, 3, 4, 4]).requiringGrad()
            let distances = Tensor(target.signedDistances(classes: 3, height: 4, width: 4), shape: [1, 3, 4, 4])
            let value = loss(leaf, Tensor(labels, shape: [1, 4, 4]).to(.int64), distances: distances)
            value.backward()
            return (value.item, try #require(leaf.gradient).floats())
        }
        #expect(value.isFinite && gradient.allSatisfy(\.isFinite))
        // Beside a host of doubles, which has no smallest 1 − p.
        let host = loss.value(Logits(logits, batch: 1, classes: 3, height: 4, width: 4), target)
        #expect(abs(host - value) < 1e-3 * max(1, abs(host)), "\(host), \(value)")
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

extension LossTerms {
    fileprivate init(
        focal: Double = 0, gamma: Double = 2, alpha: Double? = nil, tversky: Double = 0, boundary: Double = 0, cldice: Double = 0,
        iterations: Int = 3
    ) {
        self.init()
        (self.focal, focalGamma, focalAlpha, self.tversky, self.boundary) = (focal, gamma, alpha, tversky, boundary)
        (centerlineDice, centerlineIterations) = (cldice, iterations)
    }
}
