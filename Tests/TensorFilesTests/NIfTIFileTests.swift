import Files
import Foundation
import TestSupport
import Testing

@testable import TensorFiles

@Suite("NIfTI files")
struct NIfTIFileTests {
    private struct Expected: Decodable {
        let affine: [[Double]]
        let axes: String
        let shape: [Int]
        let values: [Double]
    }

    private static let names = [
        "labels.nii.gz", "turned_by_quaternion.nii", "left_handed.nii.gz", "scaled_big_endian.nii", "version2.nii.gz", "flat.nii",
        "one_time.nii",
    ]

    private func expected(_ name: String) throws -> Expected {
        let data = try Data(contentsOf: volumeFiles.appendingPathComponent("expected.json"))
        return try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
    }

    @Test(arguments: names)
    func equalsNibabel(_ name: String) throws {
        let volume = try NIfTIFile.read(volumeFiles.appendingPathComponent(name))
        let expected = try expected(name)
        let extents = expected.shape.prefix(3) + Array(repeating: 1, count: max(0, 3 - expected.shape.count))
        #expect(volume.voxels.shape == extents.reversed())
        #expect(volume.values == expected.values.map { Float($0) })
        #expect(volume.geometry.orientation == expected.axes)
        for (row, expectedRow) in zip(volume.geometry.affine, expected.affine) {
            for (value, expectedValue) in zip(row, expectedRow) { #expect(abs(value - expectedValue) < 2e-5) }
        }
        let size = try #require(volume.geometry.voxelSize)
        for (axis, length) in [size.width, size.height, size.depth].enumerated() {
            let column = expected.affine.reduce(0) { $0 + $1[axis] * $1[axis] }.squareRoot()
            #expect(abs(length - column) < 1e-5)
        }
    }

    @Test func labelsAreWholeNumbers() throws {
        #expect(
            try NIfTIFile.read(volumeFiles.appendingPathComponent("labels.nii.gz")).labels
                == (try expected("labels.nii.gz")).values.map { UInt8($0) })
        #expect(try NIfTIFile.read(volumeFiles.appendingPathComponent("flat.nii")).labels != nil)
        #expect(try NIfTIFile.read(volumeFiles.appendingPathComponent("version2.nii.gz")).labels == nil)
        #expect(try NIfTIFile.read(volumeFiles.appendingPathComponent("scaled_big_endian.nii")).labels == nil)
    }

    @Test(arguments: names, ["nii", "nii.gz"])
    func writtenFilesReadBack(_ name: String, _ ending: String) throws {
        let volume = try NIfTIFile.read(volumeFiles.appendingPathComponent(name))
        try withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("copy.\(ending)")
            try NIfTIFile.write(volume, to: file)
            let copy = try NIfTIFile.read(file)
            #expect(copy.voxels == volume.voxels && copy.slope == volume.slope && copy.intercept == volume.intercept)
            #expect(copy.geometry.orientation == volume.geometry.orientation)
            for (row, other) in zip(copy.geometry.affine, volume.geometry.affine) {
                for (value, otherValue) in zip(row, other) { #expect(abs(value - otherValue) < 1e-5) }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.\(ending)"])
        }
    }

    /// A pair of `.hdr` and `.img`, read by nibabel and by us.
    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func writesPairs() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vmunet-pair-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let header = folder.appendingPathComponent("pair.hdr")
        let labels = (0..<24).map { UInt8($0) }, geometry = VolumeGeometry(spacing: [3, 2, 1.5])
        try NIfTIFile.write(labels: labels, shape: [4, 3, 2], geometry: geometry, to: header)
        #expect(try NIfTIFile.read(header).voxels.bytes == labels)
        let script = """
            import nibabel, sys
            pair = nibabel.load(sys.argv[1])
            print(type(pair).__name__, pair.shape, pair.get_data_dtype(), [int(v) for v in pair.dataobj[1, 2, :]], [float(z) for z in pair.header.get_zooms()])
            """
        let words = try Python.run(script, [header.path])
        #expect(words.contains("Nifti1Pair (2, 3, 4) uint8 [5, 11, 17, 23]"), "\(words)")
    }

    /// A label map in each image's place, read by nibabel.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func nibabelReadsLabels() throws {
        try withTemporaryFolder { folder in
            for name in Self.names {
                let volume = try NIfTIFile.read(volumeFiles.appendingPathComponent(name))
                let labels = (0..<volume.voxels.count).map { UInt8($0 * 37 % 256) }
                try NIfTIFile.write(
                    labels: labels, shape: volume.voxels.shape, geometry: volume.geometry,
                    to: folder.appendingPathComponent(name.hasSuffix("gz") ? name : name + ".gz"))
            }
            try NIfTIFile.write(
                labels: [3], shape: [1, 1, 1], geometry: VolumeGeometry(spacing: [0.5, 0.75, 2]),
                to: folder.appendingPathComponent("bare.nii"))
            let text = try Python.run(
                """
                import sys, os, numpy as np, nibabel as nib
                made, given = sys.argv[1:]
                bare = nib.load(made + "/bare.nii")
                assert np.allclose(bare.header.get_zooms(), (.5, .75, 2)) and bare.header.get_xyzt_units()[0] == "mm" and np.asarray(bare.dataobj).item() == 3
                os.remove(made + "/bare.nii")
                for name in sorted(n for n in os.listdir(made)):
                    a = nib.load(f"{made}/{name}")
                    original = name if os.path.exists(f"{given}/{name}") else name[:-3]
                    b = nib.load(f"{given}/{original}")
                    assert a.get_data_dtype() == np.uint8, name
                    assert a.shape == b.shape[:3], name
                    assert np.allclose(a.affine, b.affine, atol=2e-5), name
                    assert a.get_qform(coded=True)[1] == b.get_qform(coded=True)[1] and a.get_sform(coded=True)[1] == b.get_sform(coded=True)[1]
                    assert (np.asarray(a.dataobj).ravel(order="F") == np.arange(np.prod(a.shape)) * 37 % 256).all(), name
                    print(name)
                """, [folder.path, volumeFiles.path])
            #expect(text.split(separator: "\n").count == Self.names.count)
        }
    }

    @Test(arguments: [
        ("four.nii", FileError.Kind.unsupported), ("complex.nii", .unsupported), ("pair.hdr", .missing),
        ("chunked.h5", .wrongFormat),
    ])
    func othersAreRefused(_ name: String, _ kind: FileError.Kind) throws {
        let error = try #require(throws: FileError.self) { try NIfTIFile.read(volumeFiles.appendingPathComponent(name)) }
        #expect(error.kind == kind && error.description.contains(name.prefix(4)), "\(error)")
    }

    @Test func truncatedFilesAreRefused() throws {
        try withTemporaryFolder { folder in
            for name in ["labels.nii.gz", "flat.nii", "version2.nii.gz"] {
                let whole = try Data(contentsOf: volumeFiles.appendingPathComponent(name))
                let file = folder.appendingPathComponent(name)
                // A gzip file's last eight bytes are its checksum and length, after the voxels.
                for length in stride(from: 0, to: whole.count - (name.hasSuffix("gz") ? 9 : 0), by: 5) {
                    try whole.prefix(length).write(to: file)
                    #expect(throws: FileError.self, "\(name): \(length) bytes") { try NIfTIFile.read(file) }
                }
            }
        }
    }

    /// False header fields: each is refused before memory is allocated for it.
    @Test(arguments: [
        (40, [UInt8](repeating: 0xFF, count: 2)), (40, [9, 0]), (42, [0, 0]), (42, [0xFF, 0xFF]),
        (42, [0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F]), (70, [0, 0]), (72, [64, 0]), (108, [0, 0, 0, 0]), (108, [0, 0, 0xC0, 0x7F]),
        (108, [0, 0, 0x80, 0x4B]), (108, [0, 0, 0x80, 0x7E]), (344, [0, 0, 0, 0]), (0, [92, 1, 0, 1]),
    ])
    func lyingHeadersAreRefused(_ offset: Int, _ bytes: [UInt8]) throws {
        var contents = try Data(contentsOf: volumeFiles.appendingPathComponent("flat.nii"))
        contents.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        try withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("lies.nii")
            try contents.write(to: file)
            let error = try #require(throws: FileError.self) { try NIfTIFile.read(file) }
            #expect(error.description.contains("lies.nii") && !error.remedy.isEmpty)
            try TestFiles.pack([UInt8](contents), at: folder.appendingPathComponent("lies.nii.gz"))
            #expect(throws: FileError.self) { try NIfTIFile.read(folder.appendingPathComponent("lies.nii.gz")) }
        }
    }

    @Test func limitIsKept() throws {
        let file = volumeFiles.appendingPathComponent("labels.nii.gz")
        #expect(try NIfTIFile.read(file, limit: 60).voxels.count == 60)
        #expect(try #require(throws: FileError.self) { try NIfTIFile.read(file, limit: 59) }.kind == .limit)
    }

    @Test func whatDoesNotFitIsNotWritten() throws {
        try withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("out.nii")
            let geometry = VolumeGeometry(spacing: [1, 1, 1])
            #expect(throws: FileError.self) { try NIfTIFile.write(labels: [1, 2], shape: [1, 1, 1], geometry: geometry, to: file) }
            #expect(throws: FileError.self) {
                try NIfTIFile.write(labels: [UInt8](repeating: 0, count: 40000), shape: [1, 1, 40000], geometry: geometry, to: file)
            }
            #expect(throws: FileError.self) { try NIfTIFile.write(labels: [], shape: [0, 1, 1], geometry: geometry, to: file) }
            // A placement that NIfTI-2's doubles can hold but NIfTI-1's floats cannot.
            var distant = geometry
            distant.matrixCode = 1
            distant.matrix[1][3] = 1e39
            #expect(throws: FileError.self) { try NIfTIFile.write(labels: [1], shape: [1, 1, 1], geometry: distant, to: file) }
            #expect(!FileManager.default.fileExists(atPath: file.path))
        }
    }

    /// Real volumes compared with nibabel, if available.
    @Test(
        .enabled(
            if: Python.isAvailable && TestMachine.data != nil,
            "set VMUNET_PYTHON and VMUNET_TEST_DATA"))
    func realVolumesEqualNibabel() throws {
        let root = try #require(TestMachine.data).appending(path: "volumes")
        let text = try Python.run(
            """
            import sys, glob, numpy as np, nibabel as nib
            for p in sorted(glob.glob(sys.argv[1] + "/**/*.nii*", recursive=True)):
                v = nib.load(p)
                if len(v.shape) != 3: continue
                d = np.asarray(v.dataobj, dtype=np.float64)
                w = np.arange(d.size) % 101
                print(p, "".join(nib.aff2axcodes(v.affine)), *v.shape, repr(float(d.sum())), repr(float((d.ravel(order="F") * w).sum())), sep="\t")
            """, [root.path])
        let lines = text.split(separator: "\n")
        #expect(!lines.isEmpty)
        for line in lines {
            let fields = line.split(separator: "\t").map(String.init)
            let volume = try NIfTIFile.read(URL(fileURLWithPath: fields[0]))
            #expect(volume.geometry.orientation == fields[1], "\(fields[0])")
            #expect(volume.voxels.shape == fields[2...4].compactMap { Int($0) }.reversed())
            let (values, scale) = (volume.voxels.doubles.map { volume.slope * $0 + volume.intercept }, 1e-9 * Double(volume.voxels.count))
            let weighted = values.enumerated().reduce(0) { $0 + $1.element * Double($1.offset % 101) }
            let (sum, weightedSum) = (try #require(Double(fields[5])), try #require(Double(fields[6])))
            #expect(abs(values.reduce(0, +) - sum) <= scale + 1e-9 * abs(sum))
            #expect(abs(weighted - weightedSum) <= 100 * scale + 1e-9 * abs(weightedSum))
        }
    }
}
