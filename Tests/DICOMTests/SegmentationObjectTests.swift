import Foundation
import TestSupport
import Testing

@testable import DICOM
@testable import TensorFiles

/// Segmentations read by others: highdicom, pydicom and dicom3tools' dciodvfy.
@Suite("DICOM segmentations")
struct SegmentationObjectTests {
    static let hasHighdicom = (try? Python.run("import highdicom")) != nil
    static let validator = ["/usr/bin/dciodvfy", "/usr/local/bin/dciodvfy", "/opt/homebrew/bin/dciodvfy"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// The validator's findings.
    private static func validated(_ arguments: [String]) throws -> String {
        (try? runProgram(URL(filePath: try #require(validator)), arguments, takesErrors: true)) ?? "failed"
    }

    static let names = [
        VolumeLabel(value: 1, name: "spleen", color: [230, 0, 30]), VolumeLabel(value: 2, name: "left kidney", color: [0, 128, 7]),
        VolumeLabel(value: 4, name: "nothing of it", color: [9, 9, 9]),
    ]

    /// Two blobs without any symmetry.
    static func labels() -> [UInt8] {
        var labels = [UInt8](repeating: 0, count: 6 * 32 * 40)
        for z in 0..<6 {
            for y in 0..<32 {
                for x in 0..<40 {
                    let place = (z * 32 + y) * 40 + x
                    if (1...3).contains(z), (5...9 + z).contains(y), (3...17).contains(x) { labels[place] = 1 }
                    if z == 0 || z == 4, y > 20, x + y > 50 { labels[place] = 2 }
                }
            }
        }
        return labels
    }

    static let orientations = ["plain", "sagittal", "coronal", "oblique", "backwards", "multiframe", "shuffled_names"]

    @Test(.enabled(if: hasHighdicom, "wants highdicom"), arguments: orientations) func othersReadTheVoxels(name: String) throws {
        let volume = try Fixtures.read(name), labels = Self.labels()
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("seg.dcm")
            try SegmentationObject(labels: labels, names: Self.names, source: try #require(volume.source)).write(to: url)
            let raw = folder.appendingPathComponent("labels.raw")
            try Data(labels).write(to: raw)
            // highdicom's own reader gives the voxels' places in millimetres, of
            // each label.
            let text = try Python.run(
                """
                import sys, glob, numpy as np, pydicom, highdicom as hd
                seg = hd.seg.segread(sys.argv[1]); labels = np.fromfile(sys.argv[2], np.uint8).reshape(6, 32, 40)
                files = [pydicom.dcmread(f) for f in glob.glob(sys.argv[3] + '/*')]
                n = lambda d: np.cross(*np.array(d.ImageOrientationPatient, float).reshape(2, 3))
                if len(files) > 1:
                    files.sort(key=lambda d: float(np.dot(n(d), np.array(d.ImagePositionPatient, float))))
                    for number, label in ((1, 1), (2, 2)):
                        got = seg.get_pixels_by_source_instance([f.SOPInstanceUID for f in files], segment_numbers=[number],
                            assert_missing_frames_are_empty=True)[..., 0]
                        assert got.shape == labels.shape and (got == (labels == label)).all(), number
                out = []
                for number in (1, 2):
                    v = seg.get_volume(segment_numbers=[number]); a = v.array[..., 0] if v.array.ndim == 4 else v.array
                    index = np.argwhere(a > 0); assert len(index) == (labels == number).sum(), len(index)
                    out += list((v.affine @ np.append(index.mean(0), 1))[:3])
                print(seg.number_of_segments, [d.SegmentLabel for d in seg.SegmentSequence], seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue)
                print(*out)
                """, [url.path, raw.path, Fixtures.folder.appendingPathComponent(name).path])
            let lines = text.split(separator: "\n")
            #expect(lines.contains("3 ['spleen', 'left kidney', 'nothing of it'] 78961009"))
            let found = lines.last?.split(separator: " ").compactMap { Double($0) } ?? []
            let affine = volume.geometry.affine  // right, anterior, superior
            var expected: [Double] = []
            for label in [UInt8(1), 2] {
                let voxels = labels.indices.filter { labels[$0] == label }, count = Double(voxels.count)
                let mean = [
                    Double(voxels.reduce(0) { $0 + $1 % 40 }) / count, Double(voxels.reduce(0) { $0 + $1 / 40 % 32 }) / count,
                    Double(voxels.reduce(0) { $0 + $1 / 1280 }) / count,
                ]
                for (row, sign) in [(0, -1.0), (1, -1.0), (2, 1.0)] {
                    let a = affine[row]
                    expected.append(sign * (a[0] * mean[0] + a[1] * mean[1] + a[2] * mean[2] + a[3]))
                }
            }
            try #require(found.count == 6)
            for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-3, "\(found) \(expected)") }
        }
    }

    @Test(.enabled(if: validator != nil, "wants dicom3tools"), arguments: orientations) func theValidatorFindsNoError(name: String) throws {
        let volume = try Fixtures.read(name)
        try withTemporaryFolder { folder in
            for (file, labels) in [("some.dcm", Self.labels()), ("none.dcm", [UInt8](repeating: 0, count: 6 * 32 * 40))] {
                let url = folder.appendingPathComponent(file)
                try SegmentationObject(labels: labels, names: Self.names, source: try #require(volume.source)).write(to: url)
                let text = try Self.validated(["-new", url.path])
                #expect(!text.contains("Error") && text.contains("Segmentation"), "\(text)")
            }
        }
    }

    @Test(.enabled(if: validator != nil, "wants dicom3tools")) func secondaryCapturesAreSound() throws {
        let volume = try Fixtures.read("plain")
        try withTemporaryFolder { folder in
            let target = folder.appendingPathComponent("sc")
            try SecondaryCapture(source: try #require(volume.source)).write(to: target) { slice in
                ([UInt8](repeating: UInt8(slice * 40), count: 32 * 40 * 3), 32, 40)
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: target.path).sorted()
            #expect(files.count == 6 && files[0] == "IM0001.dcm")
            for file in files {
                let text = try Self.validated(["-new", target.appendingPathComponent(file).path])
                #expect(!text.contains("Error") && text.contains("SCImage"), "\(text)")
            }
        }
    }

    /// Names and meanings with letters beyond ASCII are read as they are, beside a patient's name in the
    /// images' own character set. Only beside a set that is neither Latin-1 nor Unicode are they lost.
    @Test(
        .enabled(if: hasHighdicom, "wants pydicom"),
        arguments: [("", "Doe^J"), ("ISO_IR 100", "Müller^Jürgen"), ("ISO_IR 192", "山田^太郎"), ("ISO_IR 126", "Διονυσιος")])
    func lettersOfAllKinds(set: String, patient: String) throws {
        try withTemporaryFolder { folder in
            let series = folder.appendingPathComponent("series"), url = folder.appendingPathComponent("seg.dcm")
            let codes = folder.appendingPathComponent("codes.txt")
            try FileManager.default.createDirectory(at: series, withIntermediateDirectories: true)
            _ = try Python.run(
                """
                import sys, glob, os, pydicom
                for file in glob.glob(sys.argv[1] + "/*"):
                    image = pydicom.dcmread(file)
                    if "SpecificCharacterSet" in image: del image.SpecificCharacterSet
                    if sys.argv[3]: image.SpecificCharacterSet = sys.argv[3]
                    image.PatientName = sys.argv[4]
                    image.save_as(os.path.join(sys.argv[2], os.path.basename(file)))
                """, [Fixtures.folder.appendingPathComponent("plain").path, series.path, set, patient])
            try Data("antérieur\t123037004\tAnatomical Structure\t5366008\tHippocampe postérieur 海馬\n".utf8).write(to: codes)
            let files = try FileManager.default.contentsOfDirectory(at: series, includingPropertiesForKeys: nil)
            let volume = try DICOMVolume(try #require(DICOMFolder(files).series.first), name: "x")
            let names = ["antérieur", "海馬后部"].enumerated().map { VolumeLabel(value: $0 + 1, name: $1, color: [1, 2, 3]) }
            try SegmentationObject(
                labels: Self.labels(), names: names, source: try #require(volume.source), codes: try SegmentCodes(codes)
            ).write(to: url)
            let text = try Python.run(
                """
                import sys, pydicom
                seg = pydicom.dcmread(sys.argv[1])
                first, second = seg.SegmentSequence
                print(seg.PatientName, first.SegmentLabel, second.SegmentLabel, first.SegmentedPropertyTypeCodeSequence[0].CodeMeaning, sep="|")
                """, [url.path])
            let isLost = set == "ISO_IR 126"
            let ours = isLost ? "ant?rieur|????|Hippocampe post?rieur ??" : "antérieur|海馬后部|Hippocampe postérieur 海馬"
            #expect(text == "\(patient)|\(ours)\n")
            if Self.validator != nil { #expect(!(try Self.validated(["-new", url.path])).contains("Error")) }
        }
    }

    /// An archive could not file a result of images without UIDs.
    @Test func imagesWithoutUIDsAreRefused() throws {
        let url = try #require(try Fixtures.files("implicit").first)
        var bytes = [UInt8](try Data(contentsOf: url))
        // The study's UID, (0020,000D), to spaces.
        let tag: [UInt8] = [0x20, 0, 0x0D, 0]
        let place = try #require(bytes.indices.dropLast(8).first { Array(bytes[$0..<$0 + 4]) == tag })
        for i in 0..<Int(bytes[place + 4]) { bytes[place + 8 + i] = 0x20 }
        try withTemporaryFolder { folder in
            let copy = folder.appendingPathComponent("x.dcm")
            try Data(bytes).write(to: copy)
            let volume = try DICOMVolume(try #require(DICOMFolder([copy]).series.first), name: "x")
            let object = SegmentationObject(
                labels: [UInt8](repeating: 1, count: 1280), names: Self.names, source: try #require(volume.source))
            #expect(throws: (any Error).self) { try object.write(to: folder.appendingPathComponent("seg.dcm")) }
            #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("seg.dcm").path))
        }
    }
}
