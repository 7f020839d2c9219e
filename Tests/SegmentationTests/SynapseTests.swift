import Foundation
import Imaging
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

@Suite("Synapse's layout")
struct SynapseTests {
    private static let realData = ProcessInfo.processInfo.environment["VMUNET_TEST_DATA"].map {
        URL(fileURLWithPath: $0).appendingPathComponent("acdc_synapse_layout")
    }

    // MARK: Generated sets

    @Test func slicesAreReadInTheListsOrder() throws {
        try withSynapseSet(slices: ["p2_slice000", "p1_slice001", "p1_slice000"]) { folder in
            let set = try SynapseDataset(folder, classNames: ["background", "organ"])
            #expect(set.cases == ["p2_slice000", "p1_slice001", "p1_slice000"] && set.count == 3 && set.classes == 2)
            let sample = try set.load(at: 1)
            #expect(sample.name == "p1_slice001" && (sample.height, sample.width) == (2, 3))
            #expect(sample.image == [0, 0.25, 0.5, 0.75, 1, 0] && sample.target == .labels([0, 1, 0, 1, 0, 1]))
            let (training, validation) = try set.divided(seed: 1)
            let (first, second) = (Set(training.cases.map { $0.prefix(2) }), Set(validation.cases.map { $0.prefix(2) }))
            #expect(first.isDisjoint(with: second) && first.union(second) == ["p1", "p2"])
        }
    }

    @Test func faultsOfListsAreNamed() throws {
        try withSynapseSet(slices: ["a", "b"]) { folder in
            let list = folder.appendingPathComponent("lists/lists_Synapse/train.txt")
            let fault = { (text: String) throws -> DataError in
                try Data(text.utf8).write(to: list)
                return try #require(throws: DataError.self) { try SynapseDataset(folder, classNames: ["background", "organ"]) }
            }
            let missing = try fault("a\nc\nb\nd\n")
            #expect(missing.kind == .unpaired && missing.problems.count == 2)
            #expect(
                missing.description.contains("c.npz") && missing.description.contains("d.npz") && missing.description.contains("train_npz"))
            #expect(try fault("").description.contains("train.txt"))
            #expect(try fault("a\na\n").problems == ["a is listed twice"])
            #expect(try fault("../a\n").kind == .unreadable)
            #expect(try fault("/etc/passwd\n").kind == .unreadable)
            try FileManager.default.removeItem(at: list)
            #expect(throws: DataError.self) { try SynapseDataset(folder, classNames: ["background", "organ"]) }
            #expect(throws: DataError.self) {
                try SynapseDataset(folder.appendingPathComponent("absent"), classNames: ["background", "organ"])
            }
        }
    }

    /// Each fault of a slice is an error that names the file.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func faultsOfFilesAreNamed() throws {
        try withTemporaryFolder { folder in
            try Python.run(
                """
                import os, sys, numpy as np, h5py
                os.chdir(sys.argv[1])
                for d in ("train_npz", "test_vol_h5", "lists/lists_Synapse"): os.makedirs(d)
                i, l = np.random.rand(3, 6, 7).astype("f4"), np.zeros((3, 6, 7), "f4"); l[:, 2, 2:5] = 1
                nan, frac, neg, high = i.copy(), l.copy(), l.copy(), l.copy()
                nan[0, 3, 3], frac[0, 1, 1], neg[0, 0, 0], high[0, 5, 6] = np.nan, .5, -1, 2
                cases = dict(
                    good=dict(image=i, label=l), wide=dict(image=i.astype("f8"), label=l.astype("i8")), empty_class=dict(image=i, label=l * 0),
                    no_image=dict(label=l), no_label=dict(image=i), nan=dict(image=nan, label=l), fraction=dict(image=i, label=frac),
                    negative=dict(image=i, label=neg), high=dict(image=i, label=high), sizes=dict(image=i, label=l[:, :5]),
                    rank=dict(image=i[0, 0], label=l[0, 0]), text=dict(image=i, label=np.full(l.shape, "x")), nothing=dict(image=i[:, :0], label=l[:, :0]))
                for n, c in cases.items():
                    np.savez(f"train_npz/{n}.npz", **{k: v[0] if v.ndim == 3 else v for k, v in c.items()})
                    with h5py.File(f"test_vol_h5/{n}.npy.h5", "w") as f:
                        for k, v in c.items(): f[k] = v if v.dtype.kind != "U" else "x"
                with h5py.File("test_vol_h5/one.npy.h5", "w") as f: f["image"], f["label"] = i[:1], l[:1]
                with h5py.File("test_vol_h5/flat.npy.h5", "w") as f: f["image"], f["label"] = i[0], l[0]
                for s, p in (("train_npz", "npz"), ("test_vol_h5", "npy.h5")):
                    b = open(f"{s}/good.{p}", "rb").read(); open(f"{s}/cut.{p}", "wb").write(b[:len(b) // 2]); open(f"{s}/zero.{p}", "wb").close()
                names = list(cases) + ["cut", "zero"]
                open("lists/lists_Synapse/train.txt", "w").write("\\n".join(names)); open("lists/lists_Synapse/test_vol.txt", "w").write("\\n".join(names + ["one", "flat"]))
                """, [folder.path])
            let names = ["background", "organ"]
            let (slices, volumes) = (try SynapseDataset(folder, classNames: names), try SynapseVolumes(folder, classNames: names))
            let kinds: [String: DataError.Kind] = [
                "no_image": .unreadable, "no_label": .unreadable, "nan": .unreadable, "fraction": .labelOutOfRange,
                "negative": .labelOutOfRange,
                "high": .labelOutOfRange, "sizes": .sizeMismatch, "rank": .shape, "text": .unreadable, "nothing": .shape,
                "cut": .unreadable,
                "zero": .unreadable,
            ]
            for (index, name) in slices.cases.enumerated() {
                guard let kind = kinds[name] else {
                    #expect(try slices.load(at: index).image.count == 42, "\(name)")
                    continue
                }
                let error = try #require(throws: DataError.self) { try slices.load(at: index) }
                #expect(error.kind == kind && error.path.hasSuffix("\(name).npz") && !error.remedy.isEmpty, "\(name): \(error)")
            }
            for (index, name) in volumes.cases.enumerated() {
                guard let kind = kinds[name] else {
                    let volume = try volumes.load(at: index)
                    #expect(volume.shape == VolumeShape(depth: name == "one" || name == "flat" ? 1 : 3, height: 6, width: 7), "\(name)")
                    #expect(volume.slice(0).count == 42)
                    continue
                }
                let error = try #require(throws: DataError.self) { try volumes.load(at: index) }
                #expect(error.kind == kind && error.path.hasSuffix("\(name).npy.h5") && !error.remedy.isEmpty, "\(name): \(error)")
            }
        }
    }

    // MARK: Classes

    @Test func classesComeFromTheFirstThatSaysThem() throws {
        try withSynapseSet(slices: ["a"]) { folder in
            let (json, text) = (folder.appendingPathComponent("dataset.json"), folder.appendingPathComponent("classes.txt"))
            #expect(try SynapseClasses.names(in: folder) == ["background", "class 1"])
            try Data("background\nleft ventricle\n\n".utf8).write(to: text)
            #expect(try SynapseClasses.names(in: folder) == ["background", "left ventricle"])
            try Data(#"{"labels": {"heart": 1, "background": 0, "ignore": 2}, "name": "x"}"#.utf8).write(to: json)
            #expect(try SynapseClasses.names(in: folder) == ["background", "heart"])
            try Data(#"{"labels": {"1": "heart", "0": "background"}}"#.utf8).write(to: json)
            #expect(try SynapseClasses.names(in: folder) == ["background", "heart"])
            #expect(try SynapseClasses.names(in: folder, configured: ["b", "c", "d"]) == ["b", "c", "d"])
            for unsound in [
                "", "{}", "[]", #"{"labels": {}}"#, #"{"labels": {"a": 0, "b": 2}}"#, #"{"labels": {"a": [0]}}"#, #"{"labels": {"a": 0}}"#,
            ] {
                try Data(unsound.utf8).write(to: json)
                let error = try #require(throws: DataError.self) { try SynapseClasses.names(in: folder) }
                #expect(error.path.hasSuffix("dataset.json"), "\(unsound)")
            }
            // A text of many megabytes is not read to its end.
            try FileManager.default.removeItem(at: json)
            try (Data("background\nheart".utf8) + Data(repeating: 10, count: 1 << 24)).write(to: text)
            #expect(try #require(throws: DataError.self) { try SynapseClasses.names(in: folder) }.path.hasSuffix("classes.txt"))
            try FileManager.default.removeItem(at: text)
            #expect(throws: DataError.self) { try SynapseClasses.names(in: folder, configured: ["one"]) }
            #expect(throws: DataError.self) { try SynapseClasses.names(in: folder, configured: ["same", "same"]) }
        }
    }

    /// `dataset.json` also names the modality and the label that counts nowhere.
    @Test func descriptionsSayMoreThanNames() throws {
        try withSynapseSet(slices: ["a"]) { folder in
            let json = folder.appendingPathComponent("dataset.json")
            func resolved(_ text: String, ignoredLabel: Int? = nil) throws -> DataSettings {
                try Data(text.utf8).write(to: json)
                var settings = DataSettings(.synapse, path: folder.path)
                settings.ignoredLabel = ignoredLabel
                return try Dataset.synapse.layout.resolvingClasses(settings, givenCount: false, givenNames: false)
            }
            let text = #"{"channel_names": {"0": "MRI"}, "labels": {"background": 0, "heart": 1, "ignore": 2}}"#
            let settings = try resolved(text)
            #expect(settings.modality == "MRI" && settings.ignoredLabel == 2 && settings.classNames == ["background", "heart"])
            #expect(Dataset.synapse.layout.origin(settings).modality == "MRI")
            #expect(try resolved(text, ignoredLabel: 255).ignoredLabel == 255)
            let clash = #"{"labels": {"background": 0, "a": 1, "b": [1, 2], "c": 2, "ignore": 3}, "regions_class_order": [2, 1, 3]}"#
            #expect(try #require(throws: DataError.self) { try resolved(clash) }.description.contains("'ignore' is 3"))
        }
    }

    /// Regions of `dataset.json` overlap. Slices and volumes hold their labels; the classes are what
    /// is left of each region, and volumes are scored by region.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func regionsBecomeClasses() throws {
        try withSynapseSet(slices: ["a"]) { folder in
            try Python.run(
                """
                import os, sys, numpy as np, h5py
                os.chdir(sys.argv[1])
                image, label = np.zeros((2, 3), "f4"), np.array([[0, 1, 2], [4, 3, 9]], "u1")
                np.savez("train_npz/a.npz", image=image, label=label)
                os.makedirs("test_vol_h5", exist_ok=True)
                for name, l in ("v", label), ("wrong", label + 1):
                    with h5py.File(f"test_vol_h5/{name}.npy.h5", "w") as f: f["image"], f["label"] = image[None], l[None]
                open("lists/lists_Synapse/test_vol.txt", "w").write("v\\nwrong\\n")
                """, [folder.path])
            let text =
                #"{"labels": {"background": 0, "whole": [1, 2, 4], "core": [2, 4], "other": 3, "ignore": 9}, "regions_class_order": [1, 2, 3]}"#
            try Data(text.utf8).write(to: folder.appendingPathComponent("dataset.json"))
            let settings = try Dataset.synapse.layout.resolvingClasses(
                DataSettings(.synapse, path: folder.path), givenCount: false, givenNames: false)
            #expect(settings.classNames == ["background", "rest of whole", "core", "other"] && settings.ignoredLabel == 9)
            let names = try #require(settings.classNames)
            let slices = try SynapseDataset(folder, classNames: names, options: .init(ignoredLabel: 9))
            #expect(try slices.load(at: 0).target == .labels([0, 1, 2, 2, 3, 9]))
            let volumes = try SynapseVolumes(folder, classes: 4, weightsClassNames: names, ignoredLabel: 9)
            #expect(try volumes.load(at: 0).label.labels == [0, 1, 2, 2, 3, 9])
            #expect(volumes.regions.map(\.name) == ["whole", "core", "other"] && volumes.regions[0].labels == [1, 2])
            #expect(try #require(throws: DataError.self) { try volumes.load(at: 1) }.description.contains("holds 5, which no region"))
        }
    }

    /// A few labels and a distant one do not make 256 classes; a class missing from a small set
    /// still counts. A file that would unpack to more than a slice is not unpacked.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func labelsThatAreNoClasses() throws {
        try withSynapseSet(slices: ["a", "b"]) { folder in
            func write(_ label: String) throws {
                try Python.run(
                    "import sys, numpy as np; np.savez_compressed(sys.argv[1], image=np.zeros((2, 3), 'f4'), label=\(label))",
                    [folder.appendingPathComponent("train_npz/b.npz").path])
            }
            try write("np.array([[0, 1, 2], [255, 255, 0]], 'u1')")
            let error = try #require(throws: DataError.self) { try SynapseClasses.names(in: folder) }
            #expect(error.kind == .labelOutOfRange && error.path.hasSuffix("b.npz") && error.description.contains("255"))
            #expect(error.remedy.contains("data.ignored_label"))
            #expect(try SynapseClasses.names(in: folder, ignoredLabel: 255).count == 3)
            try write("np.array([[0, 1, 3], [0, 1, 0]])")
            #expect(try SynapseClasses.names(in: folder).count == 4)
            try write("np.zeros((14000, 14000), 'u1')")
            let bomb = try #require(throws: DataError.self) { try SynapseClasses.names(in: folder) }
            #expect(bomb.path.hasSuffix("b.npz") && bomb.description.contains("more than"))
        }
    }

    // MARK: Real data

    @Test(.enabled(if: realData != nil, "set VMUNET_TEST_DATA"))
    func realSetIsRead() throws {
        let folder = try #require(Self.realData)
        let names = try SynapseClasses.names(in: folder)
        #expect(names.count == 4)
        let slices = try SynapseDataset(folder, classNames: names)
        #expect(slices.count == 200)
        let sample = try slices.sample(at: 7)
        #expect((sample.channels, sample.height, sample.width, sample.image.count) == (1, 224, 224, 224 * 224))

        let volumes = try SynapseVolumes(folder, classNames: names)
        #expect(volumes.count == 8)
        for index in 0..<volumes.count {
            let volume = try volumes.load(at: index)
            #expect(volume.image.allSatisfy { (0...1).contains($0) })
            let score = try VolumeScores(name: volume.name, prediction: volume.label, label: volume.label, classNames: names)
            #expect(score.classes.allSatisfy { $0.presence == .absent || $0.dice == 1 && $0.hd95 == 0 })
        }
    }

    /// A real label resized to the network's size and back, scored slice by slice, gives the same
    /// numbers as SciPy and NumPy.
    @Test(.enabled(if: realData != nil && Python.isAvailable, "set VMUNET_TEST_DATA and VMUNET_PYTHON"))
    func realVolumeScoresEqualSciPy() throws {
        let folder = try #require(Self.realData)
        let names = try SynapseClasses.names(in: folder, configured: ["background", "right ventricle", "myocardium", "left ventricle"])
        let volume = try SynapseVolumes(folder, classNames: names).load(at: 0)
        let network = PlaneSize(height: 64, width: 64)
        let (shrink, resizer) = (
            NearestZoom(from: volume.shape.plane, to: network), SliceResizer(slice: volume.shape.plane, network: network)
        )
        let predicted = (0..<volume.shape.depth).flatMap { resizer.restore(shrink(volume.label.slice($0))) }
        let prediction = try LabelVolume(shape: volume.shape, labels: predicted)
        let score = try VolumeScores(name: volume.name, prediction: prediction, label: volume.label, classNames: names)
        let text = try Python.run(
            """
            import sys, h5py, numpy as np
            from scipy import ndimage
            from scipy.ndimage import zoom
            with h5py.File(sys.argv[1]) as f: l = f["label"][:]
            h, w = l.shape[1:]
            p = np.stack([zoom(zoom(s, (64 / h, 64 / w), order=0), (h / 64, w / 64), order=0) for s in l])
            s = ndimage.generate_binary_structure(3, 1)
            for c in (1, 2, 3):
                a, b = p == c, l == c
                ea, eb = a ^ ndimage.binary_erosion(a, s), b ^ ndimage.binary_erosion(b, s)
                d = np.hstack([ndimage.distance_transform_edt(~eb)[ea], ndimage.distance_transform_edt(~ea)[eb]])
                print(repr(float(2 * (a & b).sum() / (a.sum() + b.sum()))), repr(float(np.percentile(d, 95))))
            """, [folder.appendingPathComponent("test_vol_h5/\(volume.name).npy.h5").path])
        let expected = text.split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
        #expect(expected.count == 3)
        for (row, score) in zip(expected, score.classes) {
            #expect(abs((score.dice ?? 0) - row[0]) < 1e-12 && abs((score.hd95 ?? -1) - row[1]) < 1e-12, "\(score)")
        }
    }
}

/// A set of 2 × 3 slices with labels 0 and 1, written without Python.
func withSynapseSet(slices: [String], _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
        for part in ["train_npz", "lists/lists_Synapse"] {
            try FileManager.default.createDirectory(at: folder.appendingPathComponent(part), withIntermediateDirectories: true)
        }
        try Data(slices.joined(separator: "\n").utf8).write(to: folder.appendingPathComponent("lists/lists_Synapse/train.txt"))
        let slice = try Data(contentsOf: volumeFixtures.appendingPathComponent("slice.npz"))
        for name in slices { try slice.write(to: folder.appendingPathComponent("train_npz/\(name).npz")) }
        try body(folder)
    }
}
