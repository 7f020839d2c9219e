import Foundation
import Networks
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Segmentation

extension SynapseSet {
    /// Its weights on libtorch.
    static func segmenter() throws -> Segmenter {
        try Segmenter(weights: weights, compute: Compute(device: .cpu), networks: .torch)
    }
}

@Suite("Volumes through the network", .serialized)
struct VolumeEvaluationTests {
    private struct Expected: Decodable {
        let predicted: Int
        let labelled: Int
        let both: Int
        let voxels: Double?
        let millimetres: Double?
    }

    /// Slices resized by SciPy, the network in PyTorch, labels resized back by SciPy, scores by
    /// NumPy and SciPy: the voxels, Dice and HD95 are equal for any batch size.
    @Test(arguments: [1, 2, 8]) func scoresEqualPyTorchAndSciPy(batchSize: Int) throws {
        let golden = try SafetensorsFile.read(SynapseSet.url.appending(path: "expected.safetensors"))
        let table = try JSONDecoder().decode([String: [Expected]].self, from: Data(try #require(golden.metadata["scores"]?.text).utf8))
        let segmenter = try SynapseSet.segmenter()
        let set = try SynapseVolumes(SynapseSet.url, classes: 4, weightsClassNames: segmenter.classNames)
        let usesMillimetres = batchSize == 2
        let evaluator = VolumeEvaluator(
            set, segmenter: VolumeSegmenter(segmenter, batchSize: batchSize),
            spacing: usesMillimetres ? VoxelSpacing(depth: 3, height: 0.5, width: 0.8) : nil)
        var shares: [Double] = []
        let summary = try evaluator.evaluate(progress: { shares.append($0.share) }) { volume, prediction in
            #expect(golden[volume.name]?.values(as: UInt8.self) == prediction.labels)
        }
        #expect(shares == shares.sorted() && (0.99...1).contains(shares.last ?? 0))
        #expect(summary.volumes.map(\.name) == ["case0008", "case0022", "case0038"])
        for volume in summary.volumes {
            #expect(volume.unit == (usesMillimetres ? .millimetres : .voxels) && volume.classes.map(\.name) == ["disc", "block", "dot"])
            for (score, expected) in zip(volume.classes, try #require(table[volume.name])) {
                #expect(score.predicted == expected.predicted && score.labelled == expected.labelled && score.both == expected.both)
                let distance = usesMillimetres ? expected.millimetres : expected.voxels
                #expect((score.hd95 == nil) == (distance == nil) && abs((score.hd95 ?? 0) - (distance ?? 0)) < 1e-9)
            }
        }
        // Predicted but absent: published 1, strict 0.
        #expect(summary.strict.infinite == 2 && summary.strict.absent == 0)
        #expect(try #require(summary.published.dice) > #require(summary.strict.dice) + 0.2)
    }

    /// Voxels with the ignored label count in no class; compared with NumPy's counts without them.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func ignoredVoxelsCountInNothing() throws {
        try SynapseSet.withCopy { folder in
            let text = try Python.run(
                """
                import sys, json, h5py, numpy as np
                from safetensors.numpy import load_file
                found, rows = load_file(sys.argv[1] + "/expected.safetensors"), []
                for name in ("case0008", "case0022", "case0038"):
                    with h5py.File(f"{sys.argv[1]}/test_vol_h5/{name}.npy.h5", "r+") as f:
                        label = f["label"][:]
                        label[:, 12:22, 10:20] = 255
                        f["label"][...] = label
                    p, l = found[name][label != 255], label[label != 255]
                    rows += [[int((p == c).sum()), int((l == c).sum()), int(((p == c) & (l == c)).sum())] for c in (1, 2, 3)]
                print(json.dumps(rows))
                """, [folder.path])
            let expected = try JSONDecoder().decode([[Int]].self, from: Data(text.utf8))
            let segmenter = try SynapseSet.segmenter()
            let strict = try SynapseVolumes(folder, classes: 4, weightsClassNames: nil)
            #expect(throws: DataError.self) { try strict.load(at: 0) }
            let set = try SynapseVolumes(folder, classes: 4, weightsClassNames: nil, ignoredLabel: 255)
            let summary = try VolumeEvaluator(set, segmenter: VolumeSegmenter(segmenter)).evaluate()
            let counts = summary.volumes.flatMap(\.classes).map { [$0.predicted, $0.labelled, $0.both] }
            #expect(counts == expected)
        }
    }

    /// Names and the ignored label travel with the weights, whatever characters the names have.
    @Test(arguments: [["background", "disc", "block", "dot"], ["background", "kidney, left", "[x]", "äß \"q\""], ["[a", "b", "c", "d"]])
    func weightsCarryWhatScoringNeeds(names: [String]) throws {
        try withTemporaryFolder { folder in
            var known = WeightsMetadata()
            (known.dataset, known.classNames, known.ignoredLabel) = (.synapse, names, 200)
            var weights = try WeightsFile.read(SynapseSet.weights)
            for (key, value) in known.values { weights.metadata[key] = value }
            let file = folder.appending(path: "w.safetensors")
            try WeightsFile.write(weights, to: file)
            let segmenter = try Segmenter(weights: file, compute: Compute(device: .cpu), networks: .torch)
            #expect(segmenter.classNames == names && segmenter.ignoredLabel == 200 && segmenter.dataset == .synapse)
        }
    }

    @Test func jsonHasBothScoringsAndTheVolumes() throws {
        let segmenter = try SynapseSet.segmenter()
        let set = try SynapseVolumes(SynapseSet.url, classes: 4, weightsClassNames: nil)
        let summary = try VolumeEvaluator(set, segmenter: VolumeSegmenter(segmenter)).evaluate()
        let object = try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any])
        #expect(Set(object.keys) == ["published", "strict", "volumes"])
        let volumes = try #require(object["volumes"] as? [[String: Any]])
        let spurious = try #require((volumes[1]["classes"] as? [[String: Any]])?[1])
        #expect(spurious["presence"] as? String == "predicted_only" && spurious["dice"] as? Double == 0 && spurious["hd95"] is NSNull)
        let copy = try JSONDecoder().decode(VolumeScoreSummary.self, from: JSONEncoder().encode(summary))
        #expect(copy == summary)
    }

    /// A binary network's labels at its threshold are 0 and 1.
    @Test func binaryNetworksGiveOneLabel() throws {
        try withTemporaryFolder { folder in
            Torch.manualSeed(1)
            var network = VMUNetConfiguration(dims: [12, 24, 48, 96], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 4)
            network.classes = 1
            let file = folder.appending(path: "w.safetensors")
            try WeightsFile.write(try TorchVMUNet(network).stateDictionary(), to: file)
            let (low, high) = (
                try Segmenter(weights: file, imageSize: 32, threshold: 1e-6, compute: Compute(device: .cpu), networks: .torch),
                try Segmenter(weights: file, imageSize: 32, threshold: 0.999999, compute: Compute(device: .cpu), networks: .torch)
            )
            let shape = VolumeShape(depth: 3, height: 7, width: 9)
            let values = (0..<shape.count).map { Float($0 % 10) / 10 }
            #expect(try VolumeSegmenter(low).segment(values, shape: shape).labels == [UInt8](repeating: 1, count: shape.count))
            #expect(try VolumeSegmenter(high).segment(values, shape: shape).labels == [UInt8](repeating: 0, count: shape.count))
            #expect(throws: VolumeError.self) {
                try VolumeSegmenter(low).segment(values, shape: VolumeShape(depth: 2, height: 7, width: 9))
            }
        }
    }

    // MARK: Classes

    @Test func classesOfSetAndWeightsMustAgree() throws {
        let error = try #require(throws: DataError.self) { try SynapseVolumes(SynapseSet.url, classes: 9, weightsClassNames: nil) }
        #expect(error.description.contains("4 classes") && error.description.contains("9"))
        try SynapseSet.withCopy { folder in
            try FileManager.default.removeItem(at: folder.appending(path: "dataset.json"))
            #expect(try SynapseVolumes(folder, classes: 9, weightsClassNames: nil).classNames == SynapseLayout.synapseClassNames)
            // Labels that the weights do not have are found when the volume is read.
            let few = try SynapseVolumes(folder, classes: 2, weightsClassNames: nil)
            #expect(try #require(throws: DataError.self) { try few.load(at: 0) }.kind == .labelOutOfRange)
        }
    }

    @Test func listsAreOfSlicesOrOfVolumes() throws {
        #expect(try SynapseVolumes.areListed(in: SynapseSet.url, list: "test_vol"))
        #expect(try !SynapseVolumes.areListed(in: SynapseSet.url, list: "train"))
        #expect(throws: DataError.self) { try SynapseVolumes.areListed(in: SynapseSet.url, list: "absent") }
    }

    // MARK: Real data

    private static let realData = TestMachine.data

    /// A heart through the tiny network: every voxel gets a label, and the scores match a count of
    /// the labels.
    @Test(.enabled(if: realData != nil, "set VMUNET_TEST_DATA"))
    func realVolumeIsScored() throws {
        let folder = try #require(Self.realData).appending(path: "acdc_synapse_layout")
        let segmenter = try SynapseSet.segmenter()
        let volume = try SynapseVolumes(folder, classes: 4, weightsClassNames: nil).load(at: 0)
        let found = try VolumeSegmenter(segmenter).segment(volume.image, shape: volume.shape)
        #expect(found.shape == volume.shape && found.labels.allSatisfy { $0 < 4 } && Set(found.labels).count > 1)
        let scores = try VolumeScores(name: volume.name, prediction: found, label: volume.label, classNames: SynapseSet.names)
        for score in scores.classes {
            #expect(score.predicted == found.labels.count { $0 == UInt8(score.value) } && (0...1).contains(score.dice ?? 0))
        }
    }

    /// Arrays do not record where their slices lie: (rows, columns, slices) looks like many thin
    /// slices.
    @Test func slicesAlongAnotherAxisAreDoubted() throws {
        func volume(_ depth: Int, _ height: Int, _ width: Int) throws -> SynapseVolume {
            let shape = VolumeShape(depth: depth, height: height, width: width)
            let label = try LabelVolume(shape: shape, labels: [UInt8](repeating: 0, count: shape.count))
            return SynapseVolume(name: "a", image: [Float](repeating: 0, count: shape.count), label: label)
        }
        #expect(try volume(6, 80, 96).sliceDoubt == nil)
        #expect(try #require(volume(80, 96, 12).sliceDoubt).contains("80 slices of 96×12 pixels"))
        struct One: VolumeDataset {
            let volume: SynapseVolume
            let classNames = ["background", "disc", "block", "dot"]
            let ignoredLabel: UInt8? = nil
            var count: Int { 1 }
            func load(at _: Int) throws(DataError) -> SynapseVolume { volume }
        }
        let evaluator = VolumeEvaluator(One(volume: try volume(80, 96, 6)), segmenter: VolumeSegmenter(try SynapseSet.segmenter()))
        let error = try #require(throws: DataError.self) { try evaluator.evaluate() }
        #expect(error.problem.contains("96×6 pixels") && error.remedy.contains("--slice-axis"))
    }
}
