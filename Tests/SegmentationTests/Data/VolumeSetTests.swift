import Files
import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

@Suite("nnU-Net's and the Decathlon's layouts")
struct VolumeSetTests {
    /// Cases A and B of two channels, one file per channel.
    private func nnunet(_ set: VolumeSetFolder, _ labels: String = #"{"background": 0, "organ": 1, "tumour": 2}"#) throws {
        for (name, label) in [("A", UInt8(1)), ("B", 2)] {
            let ball = VolumeSetFolder.ball(label, at: (6, 10, 8))
            try set.write(ball.image, VolumeSetFolder.shape, to: "imagesTr/\(name)_0000.nii.gz")
            try set.write(ball.image.map { -$0 }, VolumeSetFolder.shape, to: "imagesTr/\(name)_0001.nii.gz")
            try set.write(ball.labels, VolumeSetFolder.shape, to: "labelsTr/\(name).nii.gz")
        }
        try set.json(#"{"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": \#(labels), "numTraining": 2, "file_ending": ".nii.gz"}"#)
    }

    @Test func filesOfChannels() throws {
        try withVolumeSet { set in
            try nnunet(set)
            #expect(Dataset(recognising: set.url) == .nnunet)
            let settings = try set.resolved()
            #expect(settings.classNames == ["background", "organ", "tumour"] && settings.classes == 3)
            #expect(settings.channels == ["T1", "FLAIR"] && settings.neighbors == 1 && settings.inputChannels == 6)
            #expect(settings.normalization == [.zScore, .zScore] && settings.imageSize == 64)
            let volumes = try #require(try settings.dataset.layout.volumes(settings, split: "all", classNames: nil))
            #expect(volumes.count == 2)
            let first = try volumes.load(at: 0)
            #expect(
                first.name == "A" && first.channels.count == 2 && first.channels[1].intensities == first.channels[0].intensities.map { -$0 }
            )
            #expect(first.label.labels == VolumeSetFolder.ball(1, at: (6, 10, 8)).labels && first.spacing?.text == "1,1,1")
        }
    }

    /// The Decathlon numbers labels the other way round, lists its cases and keeps channels on a
    /// fourth axis; Mac's "._" files lie among them.
    @Test func decathlon() throws {
        try withVolumeSet { set in
            for (name, label) in [("X_001", UInt8(1)), ("X_002", 2)] {
                let ball = VolumeSetFolder.ball(label, at: (6, 10, 8))
                // Four axes are written by nibabel elsewhere; MetaImage holds channels in each voxel.
                try set.write(ball.image, VolumeSetFolder.shape, to: "imagesTr/\(name).nii.gz")
                try set.write(ball.labels, VolumeSetFolder.shape, to: "labelsTr/\(name).nii.gz")
            }
            try Data("rubbish".utf8).write(to: set.url.appending(path: "imagesTr/._X_001.nii.gz"))
            try set.json(
                #"""
                {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
                 "training": [{"image": "./imagesTr/X_002.nii.gz", "label": "./labelsTr/X_002.nii.gz"},
                              {"image": "./imagesTr/X_001.nii.gz", "label": "./labelsTr/X_001.nii.gz"}], "test": []}
                """#)
            let settings = try set.resolved()
            #expect(settings.classNames == ["background", "Anterior", "Posterior"] && settings.modality == "MRI")
            let data = try settings.dataset.layout.trainingData(settings, seed: 1)
            #expect(data.training.classes == 3 && data.validation?.count == 12)
        }
    }

    /// A fourth axis and float labels, as nibabel writes them.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func channelsOnAFourthAxis() throws {
        try withVolumeSet { set in
            try Python.run(
                """
                import sys, os, numpy as np, nibabel as nib
                r = np.random.default_rng(1); d = sys.argv[1]
                os.makedirs(d + "/imagesTr"); os.makedirs(d + "/labelsTr")
                for n in "AB":
                    a = r.integers(-500, 500, (16, 20, 12, 2)).astype("float64")
                    nib.save(nib.Nifti1Image(a, np.diag([1, 1, 3, 1.])), f"{d}/imagesTr/{n}.nii.gz")
                    nib.save(nib.Nifti1Image((a[..., 0] > 0).astype("float32"), np.diag([1, 1, 3, 1.])), f"{d}/labelsTr/{n}.nii.gz")
                    a.transpose(3, 2, 1, 0).astype("float32").tofile(f"{d}/{n}.raw")
                """, [set.url.path])
            try set.json(#"{"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "lesion": 1}}"#)
            let settings = try set.resolved()
            let volumes = try #require(try settings.dataset.layout.volumes(settings, split: "all", classNames: nil))
            for (index, name) in ["A", "B"].enumerated() {
                let stored: [Float] = try readVolumeValues(set.url.appending(path: "\(name).raw"))
                let volume = try volumes.load(at: index)
                #expect(volume.channels.flatMap(\.intensities) == stored)
                #expect(volume.label.labels == stored.prefix(stored.count / 2).map { $0 > 0 ? 1 : 0 })
            }
            // The foreground of CT is what is above 0: its 0.5th and 99.5th percentiles.
            guard case .window(.fixed(let low, let high))? = settings.normalization?[0] else { throw TestFailure("no window for CT") }
            #expect((0...10).contains(low) && (490...500).contains(high) && settings.normalization?[1] == .zScore)
            #expect(settings.voxelOrder == VoxelOrder("RAS") && settings.spacing?.text == "3,1,1")
        }
    }

    /// Regions become classes that do not overlap, and are put together again for scores.
    @Test func regions() throws {
        try withVolumeSet { set in
            try nnunet(set, #"{"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3, "ignore": 4}"#)
            try set.json(
                #"""
                {"channel_names": {"0": "T1", "1": "FLAIR"}, "regions_class_order": [1, 2, 3],
                 "labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3, "ignore": 4}}
                """#)
            let description = try #require(try VolumeSetDescription(in: set.url))
            #expect(description.classNames == ["background", "rest of whole", "rest of core", "enhancing"])
            #expect(description.classes.prefix(6) == [0, 1, 2, 3, 4, nil] && description.ignoredLabel == 4)
            #expect(
                description.regions == [
                    LabelRegion(name: "whole", labels: [1, 2, 3]), LabelRegion(name: "core", labels: [2, 3]),
                    LabelRegion(name: "enhancing", labels: [3]),
                ])
            let shape = VolumeShape(depth: 1, height: 1, width: 6)
            let scores = try VolumeScores(
                name: "a", prediction: LabelVolume(shape: shape, labels: [1, 2, 3, 0, 2, 0]),
                label: LabelVolume(shape: shape, labels: [2, 2, 3, 3, 1, 0]), classNames: description.classNames,
                regions: description.regions)
            // By hand: whole 4 and 5 voxels, 4 of them in both; core 3 and 4, 2; enhancing 1 and 2, 1.
            #expect(scores.classes.map(\.name) == ["whole", "core", "enhancing"])
            let expected: [Double?] = [8.0 / 9, 4.0 / 7, 2.0 / 3]
            #expect(scores.classes.map { $0[.dice] } == expected)
        }
    }

    @Test(arguments: [
        (#"{"background": 0, "a": 1, "b": 5}"#, "numbered 0, 1, 5"),
        (#"{"background": 0, "a": 1, "b": 1}"#, "numbered 0, 1, 1"),
        (#"{"background": 0, "a": 1, "ignore": 1}"#, "'ignore' is not the highest"),
        (#"{"background": 0, "a": -1}"#, "not all numbers from 0 to 255"),
        (#"{"background": 0, "a": [1, 2], "b": [2, 3]}"#, "regions_class_order"),
        (#"{"background": "none"}"#, "not all numbers from 0 to 255"),
    ])
    func labelsThatMakeNoSense(_ labels: String, _ reason: String) throws {
        try withVolumeSet { set in
            try set.json(#"{"channel_names": {"0": "CT"}, "labels": \#(labels)}"#)
            let error = try #require(throws: DataError.self) { try VolumeSetDescription(in: set.url) }
            #expect(error.description.contains(reason) && error.path.hasSuffix("dataset.json"), "\(error)")
        }
    }

    /// Overlapping regions, neither inside the other, cannot be recovered from one label map.
    @Test func regionsThatDoNotNest() throws {
        try withVolumeSet { set in
            try set.json(#"{"channel_names": {}, "labels": {"background": 0, "a": [1, 2], "b": [2, 3]}, "regions_class_order": [1, 2]}"#)
            let error = try #require(throws: DataError.self) { try VolumeSetDescription(in: set.url) }
            #expect(error.description.contains("'a' and others overlap"), "\(error)")
        }
    }

    /// More classes than a byte counts; keys that are written with escapes.
    @Test func asManyLabelsAsAByteHas() throws {
        func description(labels: [String], order: [Int]? = nil) throws -> VolumeSetDescription? {
            try withVolumeSet { set in
                try set.json(#"{"labels": {\#(labels.joined(separator: ", "))}, "regions_class_order": \#(order ?? [])}"#)
                return try VolumeSetDescription(in: set.url)
            }
        }
        func names(_ count: Int) -> [String] { ["\"background\": 0"] + (1...count).map { "\"c\($0)\": \($0)" } }
        func regions(_ count: Int) -> [String] { ["\"background\": 0"] + (1...count).map { "\"r\($0)\": [\($0)]" } }
        #expect(try description(labels: names(254))?.classNames.count == 255)
        let nested = ["\"background\": 0", "\"r1\": [1, 254]"] + (2...253).map { "\"r\($0)\": [\($0)]" } + ["\"r\\u0041\": [254]"]
        #expect(try description(labels: nested, order: Array(1...254))?.classNames.count == 255)
        for labels in [names(255), names(300), (1...300).map { "\"d\($0)\": 1" }, nested + ["\"s\": [255]"]] {
            let error = try #require(throws: DataError.self) { try description(labels: labels, order: Array(1...255)) }
            #expect(error.path.hasSuffix("dataset.json"), "\(error)")
        }
    }

    /// Every misfit is named with its case, all at once.
    @Test func misfitsAreNamed() throws {
        try withVolumeSet { set in
            try nnunet(set)
            let ball = VolumeSetFolder.ball(1, at: (6, 10, 8)), shape = VolumeSetFolder.shape
            // C lacks a channel, D's channel lies elsewhere, E's label is of another size, F has no
            // label, G no image, H a label that is not declared; P is a picture.
            try set.write(ball.image, shape, to: "imagesTr/C_0000.nii.gz")
            for name in ["D", "E", "F", "H"] {
                for channel in 0..<2 {
                    let origin = [name == "D" && channel == 1 ? 3.0 : 0, 0, 0]
                    try set.write(ball.image, shape, to: "imagesTr/\(name)_000\(channel).nii.gz", origin: origin)
                }
            }
            for name in ["C", "D", "G"] { try set.write(ball.labels, shape, to: "labelsTr/\(name).nii.gz") }
            for part in ["imagesTr", "labelsTr"] { try Data().write(to: set.url.appending(path: "\(part)/P.png")) }
            try set.write([UInt8](repeating: 0, count: 12 * 20 * 15), [12, 20, 15], to: "labelsTr/E.nii.gz")
            try set.write(ball.labels.map { $0 * 9 }, shape, to: "labelsTr/H.nii.gz")
            let error = try #require(throws: DataError.self) { try set.resolved() }
            let text = error.problems.joined(separator: "\n")
            for line in [
                "C: 1 channel, where dataset.json names 2", "D: its channel 1 lies elsewhere: a corner is 3.00 mm away",
                "E: its label has 15×20×12 voxels, not 16×20×12", "F_0000.nii.gz has no labels", "G: G.nii.gz has no image",
                "H: its label holds 9, which is not declared",
                "P: P.png is a picture among volumes",
            ] { #expect(text.contains(line), "\(line) in\n\(text)") }
            let check = NNUNet().check(set.settings, givenClasses: false)
            #expect(check.problems.count >= 6)
        }
    }

    /// Folders of images and labels without a description; labels that occur are classes.
    @Test func foldersAlone() throws {
        try withVolumeSet { set in
            for name in ["a", "b", "c", "d", "e"] {
                let ball = VolumeSetFolder.ball(name == "a" ? 2 : 1, at: (6, 10, 8))
                try set.write(ball.image, VolumeSetFolder.shape, to: "images/\(name).nrrd", spacing: [1, 1, 2.5])
                try set.write(ball.labels, VolumeSetFolder.shape, to: "labels/\(name).mha", spacing: [1, 1, 2.5])
            }
            #expect(Dataset(recognising: set.url) == .nnunet)
            let settings = try set.resolved()
            #expect(settings.classNames == ["background", "class 1", "class 2"] && settings.voxelOrder == VoxelOrder("RAS"))
            // Five folds of one case each, and no case in two.
            let layout = settings.dataset.layout
            let held = try (0..<5).map { fold in
                let volumes = try #require(try layout.volumes(settings, split: "fold\(fold)", classNames: nil))
                #expect(volumes.count == 1)
                return try volumes.load(at: 0).name
            }
            #expect(Set(held).count == 5)
            let val = try #require(try layout.volumes(settings, split: "val", classNames: nil))
            #expect(try val.load(at: 0).name == held[0])
            #expect(throws: DataError.self) { try layout.volumes(settings, split: "fold5", classNames: nil) }
            #expect(throws: DataError.self) { try layout.volumes(settings, split: "holdout", classNames: nil) }
        }
    }

    /// nnU-Net's own split, if the set brings one.
    @Test func givenSplit() throws {
        try withVolumeSet { set in
            try nnunet(set)
            try set.json(#"[{"train": ["A"], "val": ["B"]}, {"train": ["B"], "val": ["A"]}]"#, "splits_final.json")
            let settings = try set.resolved { $0.fold = 1 }
            let volumes = try #require(try settings.dataset.layout.volumes(settings, split: "val", classNames: nil))
            #expect(try volumes.count == 1 && volumes.load(at: 0).name == "A")
            try set.json(#"[{"train": ["A"], "val": ["Z"]}]"#, "splits_final.json")
            let error = try #require(throws: DataError.self) { try settings.dataset.layout.trainingData(set.resolved(), seed: 1) }
            #expect(error.description.contains("Z: listed in fold 0, but not there"))
            try set.json(#"[{"train": ["A", "B"], "val": ["A"]}]"#, "splits_final.json")
            let leak = try #require(throws: DataError.self) { try settings.dataset.layout.trainingData(set.resolved(), seed: 1) }
            #expect(leak.description.contains("A: in both parts of fold 0"))
            let check = settings.dataset.layout.check(DataSettings(.nnunet, path: set.url.path), givenClasses: false)
            #expect(check.problems.map(\.problem).contains { $0.contains("in both parts") })
        }
    }

    /// Scoring refuses what check and training refuse.
    @Test(arguments: ["no label", "no image", "twice"]) func unpairedCasesAreNotLeftOut(fault: String) throws {
        try withVolumeSet { set in
            try nnunet(set)
            let settings = try set.resolved()
            let ball = VolumeSetFolder.ball(1, at: (6, 10, 8)), shape = VolumeSetFolder.shape
            let line: String
            switch fault {
            case "no label":
                for channel in 0..<2 { try set.write(ball.image, shape, to: "imagesTr/F_000\(channel).nii.gz") }
                line = "F_0000.nii.gz has no labels"
            case "no image":
                try set.write(ball.labels, shape, to: "labelsTr/G.nii.gz")
                line = "G: G.nii.gz has no image"
            default:
                try set.write(ball.image, shape, to: "imagesTr/A_0000.nii")
                line = "two images, A_0000.nii and A_0000.nii.gz"
            }
            let layout = settings.dataset.layout
            for split in ["train", "val", "all", "fold1"] {
                for body in [
                    { _ = try layout.volumes(settings, split: split, classNames: nil) },
                    { _ = try layout.evaluationSet(settings, split: split) },
                ] {
                    let error = try #require(throws: DataError.self, performing: body)
                    #expect(error.kind == .unpaired && error.description.contains(line), "\(error)")
                }
            }
            #expect(layout.check(set.settings, givenClasses: false).problems.contains { $0.problem.contains(line) })
        }
    }

    /// A file that cannot be read is named, alone and among others.
    @Test func unreadableFilesAreNamed() throws {
        try withVolumeSet { set in
            try nnunet(set)
            let file = set.url.appending(path: "imagesTr/A_0001.nii.gz")
            try (try Data(contentsOf: file)).prefix(200).write(to: file)
            let one = try #require(throws: DataError.self) { try set.resolved() }
            #expect(one.path.hasSuffix("imagesTr/A_0001.nii.gz") && one.problem.hasPrefix("truncated"), "\(one)")
            try Data().write(to: set.url.appending(path: "labelsTr/B.nii.gz"))
            let two = try #require(throws: DataError.self) { try set.resolved() }
            #expect(two.path == set.url.path && two.problems.count == 2, "\(two)")
            #expect(two.problems[0].hasPrefix("A_0001.nii.gz: truncated") && two.problems[1].hasPrefix("B.nii.gz: "), "\(two)")
        }
    }

    /// Background alone teaches nothing.
    @Test func backgroundAloneIsRefused() throws {
        try withVolumeSet { set in
            try nnunet(set)
            for name in ["A", "B"] {
                try set.write([UInt8](repeating: 0, count: 12 * 20 * 16), VolumeSetFolder.shape, to: "labelsTr/\(name).nii.gz")
            }
            let settings = try set.resolved()
            let error = try #require(throws: DataError.self) { try settings.dataset.layout.trainingData(settings, seed: 1).verify() }
            #expect(error.kind == .uniformMask && error.path.hasSuffix("/labelsTr") && error.problem == "every label is background")
            let problems = settings.dataset.layout.check(set.settings, givenClasses: false).problems
            #expect(problems.map(\.problem) == ["every label is background"] && problems[0].path == error.path)
        }
    }

    /// Without dataset.json, labels that are no classes are named.
    @Test func labelsThatAreNoneAreNamed() throws {
        try withVolumeSet { set in
            let ball = VolumeSetFolder.ball(1, at: (6, 10, 8)), shape = VolumeSetFolder.shape
            for (name, value) in [("a", Int16(-1)), ("b", 259)] {
                try set.write(ball.image, shape, to: "imagesTr/\(name).nii.gz")
                try set.write(ball.labels.map { $0 == 0 ? Int16(0) : value }, shape, to: "labelsTr/\(name).nii.gz")
            }
            let error = try #require(throws: DataError.self) { try set.resolved() }
            let words = "no whole numbers from 0 to 255"
            #expect(error.problems == ["a: its label holds -1, \(words)", "b: its label holds 259, \(words)"], "\(error)")
        }
    }

    /// A list may not lead out of the set's folder.
    @Test func listsStayInside() throws {
        try withVolumeSet { set in
            try nnunet(set)
            try set.json(
                #"""
                {"modality": {"0": "T1"}, "labels": {"0": "background", "1": "organ", "2": "x"}, "training": [
                 {"image": "./imagesTr/A_0000.nii.gz", "label": "./labelsTr/A.nii.gz"}, {"image": "../../etc/passwd", "label": "/etc/passwd"}]}
                """#)
            let error = try #require(throws: DataError.self) { try set.resolved() }
            #expect(error.description.contains("no image and label inside the set's folder"), "\(error)")
        }
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
