import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

/// NRRD and MetaImage as SimpleITK and pynrrd read and write them (see
/// `Fixtures/VolumeFormats/make.py`).
@Suite("NRRD and MetaImage")
struct VolumeFormatTests {
    struct Expected: Decodable {
        /// (slices, rows, columns), with the channels before, or without what is one.
        let shape: [Int]
        let values: [Double]
        let affine: [[Double]]?
    }

    static let folder = TestFiles.fixture("VolumeFormats")
    static let expected: [String: Expected] = {
        let data = try? Data(contentsOf: folder.appendingPathComponent("expected.json"))
        return data.flatMap { try? JSONDecoder().decode([String: Expected].self, from: $0) } ?? [:]
    }()

    private func format(_ url: URL) throws -> VolumeFormat { try #require(VolumeFormat(url)) }

    @Test func fixturesAreThere() { #expect(Self.expected.count == 46) }

    @Test(arguments: expected.keys.sorted()) func readsAsOthersDo(name: String) throws {
        let url = Self.folder.appendingPathComponent(name), expected = try #require(Self.expected[name])
        let image = try format(url).read(url, allChannels: true)
        #expect(image.voxels.count == expected.values.count)
        #expect(image.values == expected.values.map { Float($0) })
        let shape = [Int](repeating: 1, count: max(0, 3 - expected.shape.count)) + expected.shape
        #expect(image.voxels.shape == shape)
        #expect(try format(url).floats(url, limit: 1000, allChannels: true) == image.values)
        let header = try format(url).header(url)
        #expect(header.shape == Array(shape.suffix(3)) && header.channels == (shape.count == 4 ? shape[0] : 1))
        guard let affine = expected.affine else {
            // Spacings alone: nobody knows where left is.
            #expect(image.geometry.millimetreAffine == nil && image.notes.contains { $0.contains("which side is left") })
            return
        }
        let ours = try #require(image.geometry.millimetreAffine)
        // SimpleITK knows two directions only; the third is one voxel long.
        for (row, expectedRow) in zip(ours, affine) {
            for (value, expectedValue) in zip(row, expectedRow) { #expect(abs(value - expectedValue) < 1e-5, "\(ours) \(affine)") }
        }
    }

    @Test func spacingsAreKept() throws {
        let image = try VolumeFormat.nrrd.read(Self.folder.appendingPathComponent("spacings.nrrd"))
        #expect(image.geometry.spacing == [1.5, 2, 4])
        let flat = try VolumeFormat.nrrd.read(Self.folder.appendingPathComponent("flat.nrrd"))
        #expect(flat.geometry.axes == 2 && flat.geometry.spacing == [0.5, 0.25, 1] && flat.voxels.shape == [1, 4, 5])
    }

    /// A size that no header gives stays unknown, also in what is written of it.
    @Test(arguments: [
        ("a.mha", "", false), ("a.mha", "ElementSpacing = 0 0 0\n", false), ("a.mha", "ElementSpacing = 1 2 3\n", true),
        ("a.nrrd", "", false), ("a.nrrd", "spacings: 1 2 nan\n", false), ("a.nrrd", "spacings: 0 0 0\n", false),
        ("a.nrrd", "spacings: 1 2 3\n", true),
    ]) func sizesAreNotInvented(name: String, line: String, isKnown: Bool) throws {
        let header =
            name == "a.mha"
            ? "ObjectType = Image\nNDims = 3\n\(line)DimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
            : "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\n\(line)encoding: raw\n\n"
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent(name)
            try TestFiles.put(Array(header.utf8) + [1, 2, 3, 4, 5, 6, 7, 8], at: url)
            let image = try format(url).read(url)
            #expect(image.voxels.bytes == [1, 2, 3, 4, 5, 6, 7, 8])
            let note = "its header gives no voxel size"
            #expect((image.geometry.voxelSize == nil) == !isKnown && image.notes.contains(note) == !isKnown, "\(image.notes)")
            if isKnown { #expect(image.geometry.spacing == [1, 2, 3]) }
            let copy = folder.appendingPathComponent("copy." + url.pathExtension)
            try format(copy).write(image, to: copy)
            let again = try format(copy).read(copy)
            #expect((again.geometry.voxelSize == nil) == !isKnown && again.voxels == image.voxels)
        }
    }

    @Test func severalChannelsAreRefusedUnlessAskedFor() throws {
        for name in ["vectors.mha", "four.nrrd", "colours.nrrd"] {
            let url = Self.folder.appendingPathComponent(name)
            let error = try #require(throws: FileError.self) { try format(url).read(url) }
            #expect(error.kind == .unsupported && error.remedy == "save one volume per file")
        }
    }

    /// The files of pynrrd's own tests: the same ball in every form.
    @Test(
        .enabled(if: Self.real != nil),
        arguments: [
            "", "_bz2", "_gz", "_gz_byteskip_minus_one", "_gz_lineskip", "_byteskip_minus_one.nhdr", "_byteskip_minus_one_nifti.nhdr",
            ".nhdr",
        ]) func readsTheBall(ending: String) throws
    {
        let folder = try #require(Self.real).appendingPathComponent("pynrrd")
        let image = try VolumeFormat.nrrd.read(
            folder.appendingPathComponent("BallBinary30x30x30" + ending + (ending.hasSuffix(".nhdr") ? "" : ".nrrd")))
        let raw = [UInt8](try Data(contentsOf: folder.appendingPathComponent("BallBinary30x30x30.raw")))
        #expect(image.voxels.bytes == raw && image.voxels.shape == [30, 30, 30])
        #expect(image.geometry.affine == [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0]])
    }

    /// A header that would put the voxels in a wrong place, and one that makes no sense.
    @Test(.enabled(if: Self.real != nil), arguments: ["_byteskip_minus_five.nhdr", "_nifti.nhdr"])
    func refusesTheBallsWrongHeaders(ending: String) throws {
        let url = try #require(Self.real).appendingPathComponent("pynrrd/BallBinary30x30x30" + ending)
        #expect(throws: FileError.self) { try VolumeFormat.nrrd.read(url) }
    }

    @Test(.enabled(if: Self.real != nil)) func readsRealMetaImages() throws {
        let folder = try #require(Self.real)
        let head = try VolumeFormat.metaImage.read(folder.appendingPathComponent("CT_2D_head_fixed.mha"))
        #expect(head.voxels.shape == [1, 256, 256] && head.geometry.axes == 2)
        let mask = try VolumeFormat.metaImage.read(folder.appendingPathComponent("CT_3D_lung_fixed_mask.mha"))
        #expect(mask.voxels.shape == [129, 157, 115] && mask.geometry.orientation == "LPS")
        #expect(mask.geometry.affine[0] == [-1.366, 0, 0, 153.827])
    }

    static let real: URL? = ProcessInfo.processInfo.environment["VMUNET_TEST_DATA"].map {
        URL(fileURLWithPath: $0).appendingPathComponent("nrrd_mha")
    }
    .flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }

    // MARK: Writing

    private func volume(_ geometry: VolumeGeometry) -> VolumeImage {
        VolumeImage(voxels: HostTensor((0..<60).map { UInt8($0 % 7) }, shape: [3, 4, 5]), geometry: geometry, description: "by a test")
    }

    private let oblique = VolumeGeometry(affine: [
        [-1.2, 0.3, 0.25, 10], [-0.35, -1.3, 0.1, -20.5], [0.1, 0.05, 3, 30.125],
    ])

    @Test(arguments: ["x.nrrd", "x.seg.nrrd", "x.mha", "x.mhd"]) func writesWhatItReads(name: String) throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent(name), volume = volume(oblique)
            try format(url).write(volume, to: url)
            let again = try format(url).read(url)
            #expect(again.voxels == volume.voxels)
            let affine = try #require(again.geometry.millimetreAffine)
            for (a, b) in zip(affine.joined(), oblique.affine.joined()) { #expect(abs(a - b) < 1e-12) }
        }
    }

    @Test func writesChannels() throws {
        try withTemporaryFolder { folder in
            for name in ["x.nrrd", "x.mha"] {
                let url = folder.appendingPathComponent(name)
                let voxels = HostTensor((0..<24).map { Float($0) / 4 }, shape: [2, 3, 2, 2])
                try format(url).write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(affine: oblique.affine)), to: url)
                #expect(try format(url).read(url, allChannels: true).voxels == voxels)
            }
        }
    }

    @Test func scaledValuesAreWrittenAsValues() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("x.nrrd")
            var scaled = volume(oblique)
            (scaled.slope, scaled.intercept) = (0.5, -3)
            try NRRDFile.write(scaled, to: url)
            #expect(try VolumeFormat.nrrd.read(url).values == scaled.values)
        }
    }

    private let labels = [
        VolumeLabel(value: 1, name: "spleen", color: [10, 20, 255]), VolumeLabel(value: 5, name: "left\nkidney \\ µ", color: [0, 128, 7]),
    ]

    @Test func segmentsHaveNamesAndColours() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("x.seg.nrrd")
            try NRRDFile.write(volume(oblique), labels: labels, to: url)
            #expect(try NRRDFile.segments(url) == labels)
            #expect(try NRRDFile.segments(Self.folder.appendingPathComponent("raw.nrrd")) == [])
            let odd = "NRRD0004\nSegment0_ID:=a\nSegment0_Color:=nan inf 1\nSegment0_LabelValue:=-9223372036854775808\n\n"
            try TestFiles.put(Array(odd.utf8), at: url)
            #expect(try NRRDFile.segments(url) == [VolumeLabel(value: .min, name: "a", color: [128, 128, 128])])
        }
    }

    /// SimpleITK and pynrrd read what we write, with voxels and places.
    @Test func othersReadWhatWeWrite() throws {
        guard Python.isAvailable, (try? Python.run("import SimpleITK, nrrd", [])) != nil else { return }
        try withTemporaryFolder { folder in
            for name in ["x.seg.nrrd", "x.mha", "x.mhd"] {
                let url = folder.appendingPathComponent(name)
                try format(url).write(volume(oblique), labels: labels, to: url)
                let text = try Python.run(
                    """
                    import SimpleITK as sitk, numpy as np, sys
                    i = sitk.ReadImage(sys.argv[1]); a = sitk.GetArrayFromImage(i)
                    assert a.dtype == np.uint8 and a.shape == (3, 4, 5) and (a.ravel() == np.arange(60) % 7).all()
                    p = lambda ijk: np.array(i.TransformContinuousIndexToPhysicalPoint(ijk)) * [-1, -1, 1]
                    print(*p((0, 0, 0)), *p((4., 0, 0)), *p((0, 3., 0)), *p((0, 0, 2.)))
                    """, [url.path])
                let points = text.split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
                let A = oblique.affine
                // ITK makes directions orthogonal only for NIfTI: here they are as written, spacing
                // and all.
                let corners: [[Double]] = [[0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 2]]
                var expected: [Double] = []
                for ijk in corners {
                    for row in A { expected.append(row[3] + row[0] * ijk[0] + row[1] * ijk[1] + row[2] * ijk[2]) }
                }
                #expect(points.count == 12)
                for (a, b) in zip(points, expected) { #expect(abs(a - b) < 1e-4, "\(name)") }
            }
            let keys = try Python.run(
                """
                import nrrd, sys
                a, h = nrrd.read(sys.argv[1], index_order='C')
                print(a.shape, h['Segment0_Name'], h['Segment0_LabelValue'], h['Segment1_LabelValue'], h['Segmentation_SourceRepresentation'])
                """, [folder.appendingPathComponent("x.seg.nrrd").path])
            #expect(keys == "(3, 4, 5) spleen 1 5 Binary labelmap\n")
        }
    }

    // MARK: Damage

    /// Every cut of a header and of the data is refused, none ends the process.
    @Test(arguments: ["gzip.nrrd", "bzip2.nrrd", "ascii.nrrd", "hex.nrrd", "packed.mha", "text.mha", "vectors.mha"])
    func refusesTruncation(name: String) throws {
        let bytes = [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent(name)))
        for count in 0..<(bytes.count - 2) {
            let cut = Array(bytes.prefix(count))
            _ = try? TestFiles.read(cut, as: name) { url in
                let image = try VolumeFormat(url)?.read(url, allChannels: true)
                #expect(image == nil || count > bytes.count - 12, "\(count) of \(bytes.count) bytes are taken for the whole")
            }
        }
    }

    @Test(arguments: [
        ("sizes: 5 4 3", "sizes: 500 400 300", FileError.Kind.truncated), ("sizes: 5 4 3", "sizes: 5 4 -3", .corrupt),
        ("sizes: 5 4 3", "sizes: 5 4", .corrupt), ("sizes: 5 4 3", "sizes: 4611686018427387904 4 3", .corrupt),
        ("type: short", "type: block", .unsupported), ("encoding: raw", "encoding: zstd", .unsupported),
        ("endian: little\n", "", .corrupt), ("space origin: (-7.5,6,4.25)", "space origin: (nan,1,2)", .corrupt),
        ("(0,0,-2)", "(0,0)", .corrupt), ("sizes: 5 4 3", "sizes: 5 4 2", .corrupt),
        ("encoding: raw\n", "encoding: raw\nbyte skip: -5\n", .corrupt), ("encoding: raw\n", "encoding: raw\nline skip: 99\n", .truncated),
        ("encoding: raw\n", "encoding: raw\ndata file: /etc/passwd\n", .unsupported),
        ("encoding: raw\n", "encoding: raw\ndata file: ../secret\n", .unsupported),
        ("encoding: raw\n", "encoding: raw\ndata file: s%d 1 1000000000 1\n", .limit),
        ("encoding: raw\n", "encoding: raw\nbyte skip: 1073741824\ndata file: s%d 1 4096 1\n", .corrupt),
        ("encoding: raw\n", "encoding: raw\nline skip: 1048576\ndata file: s%d 1 4096 1\n", .corrupt),
        ("encoding: raw\n", "encoding: raw\ndata file: LIST\n", .unsupported),
        ("encoding: raw\n", "encoding: raw\ndata file: s%d -9223372036854775808 1 1\n", .corrupt), ("NRRD0004", "NRRD0009", .unsupported),
    ]) func refusesHeadersThatLie(from: String, to: String, kind: FileError.Kind) throws {
        // Bytes after the header are no text.
        let bytes = [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent("ras.nrrd")))
        let header = String(decoding: bytes.dropLast(120), as: UTF8.self)
        #expect(header.contains(from))
        let changed = Array(header.replacingOccurrences(of: from, with: to).utf8) + bytes.suffix(120)
        let error = try TestFiles.refusal(changed, as: "x.nrrd") { try VolumeFormat.nrrd.read($0) }
        #expect(error.kind == kind, "\(error)")
        #expect(error.file.contains("x.nrrd") && !error.remedy.isEmpty)
    }

    /// Voxels at the end of the data, with the largest size that a header can declare.
    @Test func theLargestSizeIsRefused() throws {
        try withTemporaryFolder { folder in
            let packed = folder.appendingPathComponent("x.gz")
            try TestFiles.pack([1, 2, 3], at: packed)
            let data = [UInt8](try Data(contentsOf: packed))
            let nrrd = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 9223372036854775807 1 1\nencoding: gzip\nbyte skip: -1\n\n"
            let meta =
                "NDims = 3\nDimSize = 9223372036854775807 1 1\nElementType = MET_UCHAR\nCompressedData = True\n"
                + "HeaderSize = -1\nElementDataFile = LOCAL\n"
            for (name, text) in [("x.nrrd", nrrd), ("x.mha", meta)] {
                let error = try TestFiles.refusal(Array(text.utf8) + data, as: name) { try VolumeFormat($0)?.read($0) }
                #expect(error.kind == .corrupt, "\(error)")
            }
        }
    }

    @Test func damagedBzip2IsRefused() throws {
        let bytes = [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent("bzip2.nrrd")))
        var refused = 0
        for i in (bytes.count - 60)..<bytes.count {
            var damaged = bytes
            damaged[i] ^= 0x10
            if (try? TestFiles.read(damaged, as: "x.nrrd") { try VolumeFormat.nrrd.read($0) }) == nil { refused += 1 }
        }
        // The combined checksum at the end is not compared: each block's own is.
        #expect(refused >= 50)
    }
}
