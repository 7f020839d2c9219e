import DICOM
import Files
import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

@Suite("Truth of DICOM's and Slicer's segmentations")
struct VolumeTruthTests {
    /// Folders of DICOM slices with a segmentation and a structure set: segments are classes by
    /// name, so that their numbers may differ from case to case.
    @Test func dicomTruth() throws {
        let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../DICOMTests/Fixtures").standardizedFileURL
        try withVolumeSet { set in
            for folder in ["imagesTr", "labelsTr"] {
                try FileManager.default.createDirectory(at: set.url.appending(path: folder), withIntermediateDirectories: true)
            }
            for (name, series) in [("A", "plain"), ("B", "plain"), ("C", "oblique")] {
                try FileManager.default.copyItem(
                    at: fixtures.appending(path: "Series/\(series)"), to: set.url.appending(path: "imagesTr/\(name)"))
            }
            for (name, series) in [("B", "plain"), ("C", "oblique")] {
                try FileManager.default.copyItem(
                    at: fixtures.appending(path: "structures_\(series).dcm"), to: set.url.appending(path: "labelsTr/\(name).dcm"))
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: set.url.appending(path: "imagesTr/A").path)
            let folder = DICOMFolder(files.map { set.url.appending(path: "imagesTr/A/\($0)") })
            let series = try #require(folder.series.first)
            let source = try #require(try VolumeFile(series, path: "A").source)
            let labels = (0..<6 * 32 * 40).map { UInt8($0 % 11 == 0 ? 1 : $0 % 13 == 0 ? 2 : 0) }
            let names = [VolumeLabel(value: 1, name: "ring", color: [1, 2, 3]), VolumeLabel(value: 2, name: "Star", color: [4, 5, 6])]
            try SegmentationObject(labels: labels, names: names, source: source).write(to: set.url.appending(path: "labelsTr/A.dcm"))
            try set.json(#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "star": 1, "ring": 2}}"#)
            let settings = try set.resolved()
            #expect(settings.voxelOrder == VoxelOrder("RAS"))
            let volumes = try #require(try settings.dataset.layout.volumes(settings, split: "all", classNames: nil))
            #expect(try volumes.load(at: 0).label.labels == labels.map { [0, 2, 1][Int($0)] })
            for (index, series) in [(1, "plain"), (2, "oblique")] {
                let expected = [UInt8](try Data(contentsOf: fixtures.appending(path: "structures_\(series).raw")))
                #expect(try volumes.load(at: index).label.labels == expected)
            }
            // Where some segments have classes' names, no other becomes a class by its number.
            try set.json(#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "ring": 1}}"#)
            let one = try set.resolved()
            let rings = try #require(try one.dataset.layout.volumes(one, split: "all", classNames: nil))
            let expected: [[UInt8]] = [
                labels.map { $0 == 1 ? 1 : 0 },
                try Data(contentsOf: fixtures.appending(path: "structures_plain.raw")).map { $0 == 2 ? 1 : 0 },
            ]
            for (index, expected) in expected.enumerated() {
                let volume = try rings.load(at: index)
                #expect(volume.label.labels == expected)
                #expect(volume.notes == ["not declared, so left out: \(index == 0 ? "Star" : "star")"], "\(volume.notes)")
            }
            // Training and check tell each note once, with its cases.
            let notes = ["A: not declared, so left out: Star", "2 cases (B, C): not declared, so left out: star"]
            #expect(Set(try one.dataset.layout.trainingData(one, seed: 1).notes.suffix(2)) == Set(notes))
            let checked = one.dataset.layout.check(set.settings, givenClasses: false).notes
            #expect(checked.filter { $0.contains("left out") } == notes.map { "train: " + $0 })
        }
    }

    /// The head of a `.seg.nrrd` on a part of a volume at (3, 4, 5) mm with voxels of 1×1×2.5 mm.
    private func slicer(
        _ sizes: [Int], at start: [Double], layers: Int, _ segments: [(name: String, layer: Int, value: Int)]
    ) -> String {
        let isLayered = layers > 1
        let all = (isLayered ? [layers] : []) + sizes
        return """
            NRRD0004
            type: uint8
            dimension: \(all.count)
            space: left-posterior-superior
            sizes: \(all.map(String.init).joined(separator: " "))
            space directions: \(isLayered ? "none " : "")(-1,0,0) (0,-1,0) (0,0,2.5)
            kinds: \(isLayered ? "list " : "")domain domain domain
            encoding: raw
            space origin: (\(-3 - start[0]),\(-4 - start[1]),\(5 + 2.5 * start[2]))

            """
                + segments.enumerated().map {
                    "Segment\($0)_Name:=\($1.name)\nSegment\($0)_Layer:=\($1.layer)\nSegment\($0)_LabelValue:=\($1.value)\n"
                }.joined() + "\n"
    }

    /// 3D Slicer's segmentations: in layers where segments overlap, and cut to the region around them.
    @Test func slicersSegmentations() throws {
        try withVolumeSet { set in
            let ball = VolumeSetFolder.ball(1, at: (6, 10, 8)), start = [2, 3, 1], sizes = [10, 12, 8]
            for name in ["A", "B", "C", "D"] {
                try set.write(
                    ball.image, VolumeSetFolder.shape, to: "imagesTr/\(name).nrrd", spacing: [1, 1, 2.5], origin: [3, 4, 5])
            }
            var (one, two) = ([UInt8](), [UInt8]())
            for _ in 0..<sizes[2] {
                for y in 0..<sizes[1] {
                    for x in 0..<sizes[0] {
                        let first: UInt8 = x < 5 ? 1 : x == 9 ? 2 : 0
                        one.append(first)
                        two += [first, y < 4 ? 1 : 0]
                    }
                }
            }
            let segments = [("organ", 0, 1), ("body", 0, 2), ("tumour", 1, 1)], place = start.map { Double($0) }
            try FileManager.default.createDirectory(at: set.url.appending(path: "labelsTr"), withIntermediateDirectories: true)
            for (name, head, voxels) in [
                ("A", slicer(sizes, at: place, layers: 2, segments), two),
                ("B", slicer(sizes, at: place, layers: 1, Array(segments.prefix(2))), one),
                ("C", slicer(sizes, at: [2.5, 3, 1], layers: 2, segments), two),
                ("D", slicer(sizes, at: [7, 3, 1], layers: 2, segments), two),
            ] {
                try Data(Array(head.utf8) + voxels).write(to: set.url.appending(path: "labelsTr/\(name).seg.nrrd"))
            }
            try set.json(#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1, "tumour": 2}}"#)
            let description = try #require(try VolumeSetDescription(in: set.url))
            let cases = try VolumeCases(set.url, part: "train", description: description).cases,
                reader = CaseReader(description: description)
            func expected(_ label: (Int, Int) -> UInt8) -> [UInt8] {
                (0..<12).flatMap { z in
                    (0..<20).flatMap { y in
                        (0..<16).map { x -> UInt8 in
                            let (i, j, k) = (x - start[0], y - start[1], z - start[2])
                            let isInside = (0..<10).contains(i) && (0..<12).contains(j) && (0..<8).contains(k)
                            return isInside ? label(i, j) : 0
                        }
                    }
                }
            }
            let layered = try reader.read(cases[0])
            #expect(layered.labels.labels == expected { x, y in y < 4 ? 2 : x < 5 ? 1 : 0 })
            let left = "not declared, so left out: body"
            #expect(layered.notes == [left, "160 voxels belong to several regions: the last of them is taken"])
            let cut = try reader.read(cases[1])
            #expect(cut.labels.labels == expected { x, _ in x < 5 ? 1 : 0 } && cut.notes == [left])
            // Between the image's voxels, or beyond them, it belongs to another image.
            for one in cases[2...] {
                let error = try #require(throws: DataError.self) { try reader.read(one) }
                #expect(error.problem.contains("its label has 10×12×8 voxels, not 16×20×12"), "\(error)")
            }
        }
    }
}
