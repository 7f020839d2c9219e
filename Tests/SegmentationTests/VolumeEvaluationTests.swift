import Foundation
import Imaging
import Networks
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Segmentation

@Suite("Volumes through the network", .serialized)
struct VolumeEvaluationTests {
    private func segmenter() throws -> Segmenter {
        try Segmenter(weights: SynapseSet.weights, compute: Compute(device: .cpu), networks: .torch)
    }

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
        let segmenter = try segmenter()
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
        // Predicted but absent: published 1, honest 0.
        #expect(summary.honest.infinite == 2 && summary.honest.absent == 0)
        #expect(summary.published.dice > (summary.honest.dice ?? 1) + 0.2)
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
            let segmenter = try segmenter()
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
        let segmenter = try segmenter()
        let set = try SynapseVolumes(SynapseSet.url, classes: 4, weightsClassNames: nil)
        let summary = try VolumeEvaluator(set, segmenter: VolumeSegmenter(segmenter)).evaluate()
        let object = try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any])
        #expect(Set(object.keys) == ["published", "honest", "volumes"])
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

    // MARK: Windows

    @Test func windowsAreRead() {
        #expect(IntensityWindow("-125,275") == .abdomen && IntensityWindow("minmax") == .range)
        #expect(IntensityWindow("percentiles") == .percentiles && IntensityWindow("none") == IntensityWindow.none)
        for unsound in ["", ",", "1", "1,2,3", "2,1", "1,1", "nan,2", "0,inf", "a,b"] {
            #expect(IntensityWindow(unsound) == nil, "\(unsound)")
        }
    }

    @Test func windowsStretch() {
        let values: [Float] = [-1000, -125, 75, 275, 3000]
        #expect(IntensityWindow.abdomen.applied(to: values) == [0, 0, 0.5, 1, 1])
        #expect(IntensityWindow.abdomen.applied(to: values, scale: 255) == [0, 0, 127.5, 255, 255])
        #expect(IntensityWindow.range.applied(to: [2, 3, 4]) == [0, 0.5, 1])
        #expect(IntensityWindow.none.applied(to: values) == values)
        // numpy.percentile(arange(1001), [.5, 99.5]) is 5 and 995.
        let stretched = IntensityWindow.percentiles.applied(to: (0...1000).map(Float.init).reversed())
        #expect(
            stretched.first == 1 && stretched.last == 0 && abs(stretched[500] - 0.5) < 1e-6 && stretched[996] == 0 && stretched[994] > 0)
        #expect(IntensityWindow.range.applied(to: [7, 7]) == [0, 0] && IntensityWindow.percentiles.applied(to: []) == [])
        let huge: [Float] = [-.greatestFiniteMagnitude, 0, .greatestFiniteMagnitude]
        #expect(IntensityWindow.range.applied(to: huge) == [0, 0.5, 1])
    }

    // MARK: Files

    @Test func namesOfVolumes() {
        let names = ["a/Scan.nii.gz": "Scan", "b.nii": "b", "case0001.npy.h5": "case0001", "x.h5": "x", "s.npz": "s", "P.1.NII": "P.1"]
        for (path, name) in names {
            #expect(VolumeFile.isVolume(URL(filePath: path)) && VolumeFile.name(of: URL(filePath: path)) == name)
        }
        for path in ["a.png", ".nii", "a.npy", "b.gz", "nii"] { #expect(!VolumeFile.isVolume(URL(filePath: path)), "\(path)") }
    }

    /// Reading Synapse's layout here gives what the set's own reader gives; a slice is a volume of
    /// one slice.
    @Test func arraysAreRead() throws {
        let volume = try SynapseVolumes(SynapseSet.url, classNames: SynapseSet.names).load(at: 0)
        let file = try VolumeFile(SynapseSet.url.appending(path: "test_vol_h5/case0008.npy.h5"))
        #expect(file.intensities == volume.image && file.shape == volume.shape && file.isNormalized)
        // Arrays already hold 0…1, whatever window the weights have.
        var known = WeightsMetadata()
        known.window = .abdomen
        let prepared = try PreparedVolume(file, path: "a", convention: InputConvention(known))
        #expect(prepared.window == .none && prepared.intensities == volume.image && prepared.turnBack.isIdentity)
        let slice = try VolumeFile(SynapseSet.url.appending(path: "train_npz/case0000_slice000.npz"))
        #expect(slice.shape == VolumeShape(depth: 1, height: 36, width: 40))
    }

    /// Labels keep the image's geometry, and the header then has nothing about a person.
    @Test func labelsKeepTheGeometry() throws {
        try withTemporaryFolder { folder in
            var geometry = NIfTIGeometry(spacing: [0.75, 0.5, 3])
            geometry.matrixCode = 1
            geometry.matrix = [[-0.75, 0, 0, 90], [0, 0, 3, -120], [0, 0.5, 0, 33]]
            let input = folder.appending(path: "ct.nii.gz")
            let values = (0..<5 * 40 * 36).map { Int16(truncatingIfNeeded: $0 % 700 - 300) }
            try NIfTIFile.write(NIfTIVolume(voxels: HostTensor(values, shape: [5, 40, 36]), geometry: geometry), to: input)
            let file = try VolumeFile(input)
            #expect(file.intensities == values.map(Float.init) && !file.isNormalized && file.geometry == geometry)
            let segmenter = try segmenter()
            #expect(file.voxelOrder == VoxelOrder("LSA") && file.spacing == VoxelSpacing(depth: 3, height: 0.5, width: 0.75))
            let prepared = try PreparedVolume(file, path: "ct", convention: segmenter.convention)
            #expect(prepared.window == .percentiles && prepared.voxelOrder == nil && prepared.shape == file.shape)
            let labels = try VolumeSegmenter(segmenter).segment(prepared.intensities, shape: file.shape)
            let output = folder.appending(path: "labels.nii.gz")
            try labels.write(to: output, geometry: file.geometry)
            let back = try NIfTIFile.read(output)
            #expect(back.geometry == geometry && back.labels == labels.labels && back.voxels.shape == [5, 40, 36])
        }
    }

    /// The same anatomy in any stored order is turned to the training order, and its labels are
    /// turned back.
    @Test(arguments: ["RAS", "LPS", "RSA", "PSR", "SAL"])
    func storedOrdersMakeNoDifference(stored: String) throws {
        try withTemporaryFolder { folder in
            let ras = try #require(VoxelOrder("RAS")), order = try #require(VoxelOrder(stored))
            let shape = VolumeShape(depth: 9, height: 40, width: 36)
            let values = (0..<shape.count).map { Int16(truncatingIfNeeded: ($0 * 7) % 500 - 200) }
            var known = WeightsMetadata()
            (known.window, known.voxelOrder) = (.abdomen, ras)
            let convention = InputConvention(known)
            func labels(_ order: VoxelOrder) throws -> (LabelVolume, VolumeShape) {
                let turn = ras.turn(to: order)
                let turned = turn.applied(to: shape)
                var geometry = NIfTIGeometry(spacing: [1, 1, 1])
                geometry.matrixCode = 1
                for row in 0..<3 { geometry.matrix[row].replaceSubrange(0..<3, with: [0, 0, 0]) }
                // Each axis lies along the world axis of its letter.
                for (axis, letter) in order.description.enumerated() {
                    let world = ["RL", "AP", "SI"].firstIndex { $0.contains(letter) } ?? 0
                    geometry.matrix[world][axis] = "RAS".contains(letter) ? 1 : -1
                }
                let url = folder.appending(path: "\(order).nii")
                let voxels = HostTensor(turn.applied(to: values, shape), shape: [turned.depth, turned.height, turned.width])
                try NIfTIFile.write(NIfTIVolume(voxels: voxels, geometry: geometry), to: url)
                let file = try VolumeFile(url)
                #expect(file.voxelOrder == order)
                let prepared = try PreparedVolume(file, path: "v", convention: convention)
                #expect(prepared.voxelOrder == ras && prepared.shape == shape)
                let found = try VolumeSegmenter(try segmenter()).segment(prepared.intensities, shape: prepared.shape)
                return (try LabelVolume(shape: turned, labels: prepared.turnBack.applied(to: found.labels, shape)), turned)
            }
            let (expected, _) = try labels(ras)
            let (found, turned) = try labels(order)
            #expect(order.turn(to: ras).applied(to: found.labels, turned) == expected.labels)
            #expect(Set(expected.labels).count > 1)
        }
    }

    @Test func slicesThatShowNothingAreRefused() throws {
        try withTemporaryFolder { folder in
            func prepared(_ shape: [Int], axis: Int? = nil) throws -> PreparedVolume {
                let url = folder.appending(path: "v.nii")
                let voxels = HostTensor([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape)
                try NIfTIFile.write(NIfTIVolume(voxels: voxels, geometry: NIfTIGeometry(spacing: [1, 1, 1])), to: url)
                return try PreparedVolume(VolumeFile(url), path: "v.nii", convention: InputConvention(WeightsMetadata()), sliceAxis: axis)
            }
            // 80 slices of 6×96 where six of 80×96 are meant; NIfTI's axes are columns, rows,
            // slices.
            let error = try #require(throws: DataError.self) { try prepared([80, 6, 96]) }
            #expect(error.description.contains("6×96 pixels of a volume of 96×6×80") && error.remedy.contains("--slice-axis 2"))
            #expect(try prepared([80, 6, 96], axis: 2).shape == VolumeShape(depth: 6, height: 80, width: 96))
            #expect(try #require(throws: DataError.self) { try prepared([500, 1, 1]) }.remedy.contains("at least 8"))
            #expect(try prepared([80, 10, 96]).notes.contains { $0.contains("--slice-axis 2") })
            #expect(try prepared([5, 40, 36]).notes.allSatisfy { !$0.contains("--slice-axis") })
        }
    }

    @Test func unsoundVolumesAreNamed() throws {
        try withTemporaryFolder { folder in
            var bad: [URL] = []
            for name in ["absent.nii", "empty.nii.gz", "text.npz", "text.npy.h5", "nan.nii", "cut.nii"] {
                let url = folder.appending(path: name)
                bad.append(url)
                switch name {
                case "absent.nii": break
                case "nan.nii":
                    let voxels = HostTensor([1, .nan, 3, 4] as [Float], shape: [1, 2, 2])
                    try NIfTIFile.write(NIfTIVolume(voxels: voxels, geometry: NIfTIGeometry(spacing: [1, 1, 1])), to: url)
                case "cut.nii":
                    let voxels = HostTensor([Float](repeating: 1, count: 64), shape: [4, 4, 4])
                    try NIfTIFile.write(NIfTIVolume(voxels: voxels, geometry: NIfTIGeometry(spacing: [1, 1, 1])), to: url)
                    try Data(contentsOf: url).dropLast(9).write(to: url)
                default: try Data(name.hasPrefix("empty") ? [] : Array("not one".utf8)).write(to: url)
                }
            }
            for url in bad {
                let error = try #require(throws: DataError.self) { try VolumeFile(url) }
                #expect(error.path.hasSuffix(url.lastPathComponent) && !error.remedy.isEmpty, "\(error)")
            }
        }
    }

    // MARK: Sheets

    @Test func sheetsShowLabelledSlicesTheRadiologistsWay() throws {
        let shape = VolumeShape(depth: 6, height: 8, width: 8)
        var labels = [UInt8](repeating: 0, count: shape.count)
        for voxel in 2 * 64..<3 * 64 { labels[voxel] = 1 }
        var values = [Float](repeating: 0, count: shape.count)
        values[2 * 64] = 1  // row 0, column 0 of the labelled slice
        let volume = try LabelVolume(shape: shape, labels: labels)
        let sheet = try VolumeSheet.draw(volume, on: values, orientation: "LPS", cellSize: 8)
        #expect(sheet.width == 8 + 2 * 4)  // one cell: only one slice has labels
        let plain = try LabelVolume(shape: VolumeShape(depth: 1, height: 8, width: 8), labels: [UInt8](repeating: 0, count: 64))
        func bright(_ orientation: String) throws -> (Int, Int)? {
            let sheet = try VolumeSheet.draw(plain, on: Array(values[128..<192]), orientation: orientation, cellSize: 8)
            for y in 4..<12 { for x in 4..<12 where sheet[y, x, 0] == 255 { return (y - 4, x - 4) } }
            return nil
        }
        #expect(try #require(try bright("LPS")) == (0, 0))
        #expect(try #require(try bright("RAS")) == (7, 7))
        #expect(try #require(try bright("LAS")) == (7, 0))
        #expect(try #require(try bright("ASR")) == (0, 0))
    }

    // MARK: Real data

    private static let realData = TestMachine.data

    /// A heart through the tiny network: every voxel gets a label, and the scores match a count of
    /// the labels.
    @Test(.enabled(if: realData != nil, "set VMUNET_TEST_DATA"))
    func realVolumeIsScored() throws {
        let folder = try #require(Self.realData).appending(path: "acdc_synapse_layout")
        let segmenter = try segmenter()
        let volume = try SynapseVolumes(folder, classes: 4, weightsClassNames: nil).load(at: 0)
        let found = try VolumeSegmenter(segmenter).segment(volume.image, shape: volume.shape)
        #expect(found.shape == volume.shape && found.labels.allSatisfy { $0 < 4 } && Set(found.labels).count > 1)
        let scores = try VolumeScores(name: volume.name, prediction: found, label: volume.label, classNames: SynapseSet.names)
        for score in scores.classes {
            #expect(score.predicted == found.labels.count { $0 == UInt8(score.value) } && (0...1).contains(score.dice ?? 0))
        }
    }
}
