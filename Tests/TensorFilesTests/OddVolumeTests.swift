import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

/// Odd headers written by other programs (`Fixtures/Volumes/make_odd.py`).
@Suite("Odd volumes")
struct OddVolumeTests {
    private struct Expected: Decodable {
        struct Placed: Decodable {
            let affine: [[Double]]
            let axes: Int
        }
        let sform_zeros_qform: Placed
        let quaternion_too_long_sform: Placed
        let two_axes: Placed
        let scaled: [Float]
        let plain: [Float]
    }

    private func file(_ name: String) -> URL { volumeFiles.appendingPathComponent("odd_" + name) }

    private func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file("expected.json")))
    }

    private func expectAffine(_ volume: VolumeImage, _ expected: [[Double]]) {
        for (row, expectedRow) in zip(volume.geometry.affine, expected) {
            for (value, expectedValue) in zip(row, expectedRow) { #expect(abs(value - expectedValue) < 2e-5) }
        }
    }

    @Test(arguments: [
        ("sform_zeros.nii", "its header's matrix (sform) places nothing: only the voxels' spacing is known"),
        ("sform_flat.nii", "its header's matrix (sform) places nothing: only the voxels' spacing is known"),
        ("sform_zeros_qform.nii", "its header's matrix (sform) places nothing: the quaternion is used instead"),
        ("quaternion_too_long.nii", "its header's quaternion (qform) is not a rotation: only the voxels' spacing is known"),
        ("quaternion_too_long_sform.nii", "its header's quaternion (qform) is not a rotation: the matrix is used instead"),
        ("spacing_zero.nii", "its header gives no voxel size"),
    ])
    func saysWhatIsOdd(name: String, note: String) throws {
        let volume = try NIfTIFile.read(file(name))
        #expect(volume.notes == [note])
        #expect(volume.values == (try expected()).plain)
        #expect(try NIfTIFile.header(file(name)).notes == [note])
    }

    /// Two placements of which one is used, and units that few mean.
    @Test func saysWhichPlaceIsUsed() throws {
        try withTemporaryFolder { folder in
            func notes(_ change: (inout VolumeGeometry) -> Void) throws -> [String] {
                var geometry = VolumeGeometry(affine: [[-2, 0, 0, 31.5], [0, -1.5, 0, 20.25], [0, 0, 5, 0]])
                change(&geometry)
                let url = folder.appendingPathComponent("a.nii")
                try NIfTIFile.write(VolumeImage(voxels: HostTensor([UInt8](1...8), shape: [2, 2, 2]), geometry: geometry), to: url)
                return try NIfTIFile.read(url).notes
            }
            let disagree = ["its header's matrix (sform) and quaternion (qform) disagree: the matrix is used"]
            let cases: [((inout VolumeGeometry) -> Void, [String])] = [
                ({ _ in }, []), ({ $0.matrix[0][3] += 0.05 }, []), ({ $0.matrix[0][3] += 1 }, disagree),
                ({ $0.matrix[0][0] = 2 }, disagree), ({ $0.spacing[2] = 4 }, disagree),
                ({ ($0.quaternionCode, $0.matrix[0][3]) = (0, 9) }, []),
                ({ $0.units = 3 }, ["its header counts in micrometres: a voxel is taken for 0.002×0.0015×0.005 mm"]),
                ({ $0.units = 1 }, ["its header counts in metres: a voxel is taken for 2000.0×1500.0×5000.0 mm"]),
            ]
            for (change, expected) in cases {
                let found = try notes(change)
                #expect(found == expected)
            }
        }
    }

    @Test func takesThePlaceThatCanBeUsed() throws {
        let expected = try expected()
        expectAffine(try NIfTIFile.read(file("sform_zeros_qform.nii")), expected.sform_zeros_qform.affine)
        expectAffine(try NIfTIFile.read(file("quaternion_too_long_sform.nii")), expected.quaternion_too_long_sform.affine)
        // The pixel spacing is stored nevertheless.
        let bare = try NIfTIFile.read(file("sform_zeros.nii")).geometry
        #expect(bare.affine[2] == [0, 0, 4, 0])
        #expect(try #require(bare.voxelSize).depth == 4)
    }

    /// A matrix of NaN places nothing; the quaternion does, as in nibabel's `get_qform`.
    @Test func takesTheQuaternionWhereTheMatrixIsNoNumber() throws {
        try withTemporaryFolder { folder in
            var bytes = [UInt8](try Data(contentsOf: file("sform_zeros_qform.nii")))
            for i in 0..<12 { bytes.replaceSubrange(280 + 4 * i..<284 + 4 * i, with: [0, 0, 0xC0, 0x7F]) }
            let url = folder.appendingPathComponent("nan.nii")
            try Data(bytes).write(to: url)
            let volume = try NIfTIFile.read(url)
            #expect(volume.notes == ["its header's matrix (sform) places nothing: the quaternion is used instead"])
            expectAffine(volume, try expected().sform_zeros_qform.affine)
        }
    }

    private static let endless = [
        "long.mha": ["NDims = 3", "DimSize = 2 2 1", "ElementType = MET_UCHAR", "TransformMatrix = 1 0 0 0 1 0 0 0 3e160"],
        "scaled.mha": ["NDims = 2", "DimSize = 2 2", "ElementType = MET_UCHAR", "TransformMatrix = 1 0 0 1e9", "ElementSpacing = 1 1e300"],
        "long.nrrd": ["dimension: 3", "sizes: 2 2 1", "space: right-anterior-superior", "space directions: (1,0,0) (0,1,0) (0,0,3e160)"],
        "flat.nrrd": ["dimension: 2", "sizes: 2 2", "space dimension: 2", "space directions: (1,0) (0,3e160)"],
    ]

    /// Found by fuzzing: a vector whose length is beyond the range of numbers gave an infinite voxel
    /// size, and a file that cannot be read again.
    @Test(arguments: endless.keys.sorted()) func anEndlessVoxelHasNoSize(name: String) throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent(name)
            let lines = try #require(Self.endless[name])
            let header =
                name.hasSuffix("mha")
                ? lines + ["ElementDataFile = LOCAL", ""] : ["NRRD0004", "type: uint8"] + lines + ["encoding: raw", "", ""]
            try Data(header.joined(separator: "\n").utf8 + [1, 2, 3, 4]).write(to: url)
            let format = try #require(VolumeFormat(url))
            let volume = try format.read(url)
            #expect(volume.voxels.bytes == [1, 2, 3, 4] && volume.geometry.spacing == [1, 1, 1] && !volume.geometry.placesVoxels)
            #expect(volume.notes.count == 1)
            for other in ["copy.mha", "copy.nrrd"] {
                let copy = folder.appendingPathComponent(other)
                try #require(VolumeFormat(copy)).write(volume, to: copy)
                #expect(try #require(VolumeFormat(copy)).read(copy).voxels.bytes == [1, 2, 3, 4])
            }
        }
    }

    @Test(arguments: ["labels.nii.gz", "flat.nii"]) func soundFilesHaveNoNotes(name: String) throws {
        #expect(try NIfTIFile.read(volumeFiles.appendingPathComponent(name)).notes == [])
    }

    /// A picture of two axes keeps two.
    @Test func keepsTwoAxes() throws {
        let volume = try NIfTIFile.read(file("two_axes.nii"))
        #expect(volume.voxels.shape == [1, 4, 5] && volume.geometry.axes == 2)
        try withTemporaryFolder { folder in
            let copy = folder.appendingPathComponent("copy.nii")
            try NIfTIFile.write(
                labels: [UInt8](repeating: 1, count: 20), shape: [1, 4, 5], geometry: volume.geometry, to: copy)
            let header = [UInt8](try Data(contentsOf: copy))
            #expect((0..<4).map { header.littleEndian(at: 40 + 2 * $0, as: Int16.self) } == [2, 5, 4, 1])
            guard Python.isAvailable else { return }
            let text = try Python.run("import nibabel, sys; print(nibabel.load(sys.argv[1]).shape)", [copy.path])
            #expect(text == "(5, 4)\n")
        }
    }

    @Test func countsAFourthAxisOfZeroAsOne() throws {
        let volume = try NIfTIFile.read(file("fourth_axis_zero.nii"))
        #expect(volume.voxels.shape == [3, 4, 5])
        #expect(volume.values == (try expected()).plain)
    }

    @Test func countsVolumesBeforeReadingThem() throws {
        let header = try NIfTIFile.header(file("four_volumes.nii"))
        #expect(header.channels == 4 && header.shape == [3, 4, 5] && header.count == 240)
        let error = try #require(throws: FileError.self) { try NIfTIFile.read(file("four_volumes.nii")) }
        #expect(error.reason == "holds more than one volume: [5, 4, 3, 4]")
        let plain = try expected().plain
        let all = try NIfTIFile.source(file("four_volumes.nii")).floats(limit: 240, allChannels: true)
        #expect(all == (0..<4).flatMap { add in plain.map { $0 + Float(add) } })
        let large = try #require(throws: Fault.self) {
            try NIfTIFile.source(file("four_volumes.nii")).floats(limit: 239, allChannels: true)
        }
        #expect(large.kind == .limit && large.reason == "holds 240 voxels, more than the 239 allowed")
    }

    @Test(arguments: ["pair.hdr", "pair.img"]) func readsPairsByEitherName(name: String) throws {
        let volume = try NIfTIFile.read(file(name))
        #expect(volume.values == (try expected()).plain && volume.notes == [])
        #expect(volume.geometry.orientation == "LPS")
    }

    @Test func readsAnalyze() throws {
        let volume = try NIfTIFile.read(file("analyze.hdr"))
        #expect(volume.values == (try expected()).plain)
        #expect(volume.geometry.spacing == [1.5, 1.5, 8])
        #expect(volume.notes == ["its Analyze header does not say which side is left"])
    }

    @Test func namesTheHalfOfAPairThatIsMissing() throws {
        try withTemporaryFolder { folder in
            let header = folder.appendingPathComponent("Scan.HDR")
            try FileManager.default.copyItem(at: file("pair.hdr"), to: header)
            let error = try #require(throws: FileError.self) { try NIfTIFile.read(header) }
            #expect(error.kind == .missing && error.file.hasSuffix("Scan.IMG"))
            // The header's own name must be a pair's.
            let misnamed = folder.appendingPathComponent("scan.nii")
            try FileManager.default.copyItem(at: file("pair.hdr"), to: misnamed)
            #expect(try #require(throws: FileError.self) { try NIfTIFile.read(misnamed) }.reason.contains("pair of files"))
        }
    }

    @Test(arguments: ["uint8", "int8", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"])
    func convertsWhileReading(kind: String) throws {
        let expected = try expected().scaled
        let name = file("scaled_\(kind).nii")
        #expect(try NIfTIFile.read(name).values == expected)
        #expect(try NIfTIFile.source(name).floats(limit: 60, allChannels: false) == expected)
        // No voxel takes more than four bytes, whatever its type.
        let narrow = try VolumeFormat.nifti.readNarrow(name, voxels: 60)
        #expect(narrow.values == expected && narrow.voxels.elementType.byteCount <= 4)
        #expect(try #require(throws: FileError.self) { try VolumeFormat.nifti.readNarrow(name, voxels: 59) }.kind == .limit)
    }

    @Test func tellsThePairsThatAreWhole() throws {
        #expect(NIfTIFile.pairHeader(file("pair.img")) == file("pair.hdr") && NIfTIFile.pairHeader(file("pair.hdr")) == file("pair.hdr"))
        #expect(NIfTIFile.isOfPair(URL(fileURLWithPath: "/x/A.IMG.gz")) && !NIfTIFile.isOfPair(URL(fileURLWithPath: "/x/hdr")))
        try withTemporaryFolder { folder in
            let header = folder.appendingPathComponent("a.hdr")
            try FileManager.default.copyItem(at: file("pair.hdr"), to: header)
            #expect(NIfTIFile.pairHeader(header) == nil)
        }
    }

    @Test func comparesTheChecksumOfPackedFiles() throws {
        let error = try #require(throws: FileError.self) { try NIfTIFile.read(file("bad_checksum.nii.gz")) }
        #expect(error.kind == .corrupt && error.reason.contains("damaged"))
        #expect(try NIfTIFile.read(file("members.nii.gz")).voxels == NIfTIFile.read(file("two_axes.nii")).voxels)
    }

    @Test func describesItsOrigin() throws {
        var volume = try NIfTIFile.read(file("two_axes.nii"))
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("d.nii")
            for (text, stored) in [
                ("vmunet 1.0 weights 0f3a", "vmunet 1.0 weights 0f3a"),
                (String(repeating: "ä", count: 60), String(repeating: "ä", count: 39)),
                ("a\u{1b}b", "a\\u{1b}b"), ("", ""),
            ] {
                volume.description = text
                try NIfTIFile.write(volume, to: url)
                let field = [UInt8](try Data(contentsOf: url))[148..<228]
                #expect(String(decoding: field.prefix { $0 != 0 }, as: UTF8.self) == stored)
                #expect(field.last == 0)
                #expect(try NIfTIFile.read(url).voxels == volume.voxels)
            }
        }
    }

    /// A placement with a known spacing only has a code nevertheless, so that readers agree on left
    /// and right.
    @Test func writesACodeWithABareSpacing() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("bare.nii")
            try NIfTIFile.write(labels: [3, 4], shape: [1, 1, 2], geometry: VolumeGeometry(spacing: [0.5, 0.75, 2]), to: url)
            let geometry = try NIfTIFile.read(url).geometry
            #expect(geometry.quaternionCode == 2 && geometry.matrixCode == 2 && geometry.orientation == "RAS")
            #expect(geometry.affine == [[0.5, 0, 0, 0], [0, 0.75, 0, 0], [0, 0, 2, 0]])
            guard Python.isAvailable else { return }
            let program = """
                import nibabel, numpy, sys
                image = nibabel.load(sys.argv[1])
                for place in (image.affine, image.get_qform(coded=True)[0], image.get_sform(coded=True)[0]):
                    assert numpy.allclose(place, numpy.diag([.5, .75, 2, 1])), place
                print(nibabel.aff2axcodes(image.affine))
                """
            #expect(try Python.run(program, [url.path]) == "('R', 'A', 'S')\n")
        }
    }

    /// A matrix is turned into the equivalent quaternion, for each choice of divisor.
    @Test(
        arguments: [
            [[-1.5, 0, 0, 70], [0, -1.5, 0, 60], [0, 0, 8, -40]], [[0, 0, 2, 1], [1, 0, 0, 2], [0, 1, 0, 3]],
            [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0]], [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 0]],
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -3, 0]],
            [[0.8, -0.6, 0, 5], [0.6, 0.8, 0, 6], [0, 0, 2, 7]],
        ] as [[[Double]]])
    func quaternionsSayTheSameAsMatrices(affine: [[Double]]) throws {
        var geometry = VolumeGeometry(affine: affine)
        #expect(geometry.affine == affine && geometry.quaternionCode == 1)
        geometry.matrixCode = 0
        for (row, expected) in zip(geometry.affine, affine) {
            for (value, expectedValue) in zip(row, expected) { #expect(abs(value - expectedValue) < 1e-6) }
        }
    }

    @Test func aShearedPlaceHasNoQuaternion() {
        let geometry = VolumeGeometry(affine: [[1, 0, 0.3, 0], [0, 1, 0, 0], [0, 0, 2, 0]])
        #expect(geometry.quaternionCode == 0 && geometry.matrixCode == 1)
    }

    // MARK: HDF5

    @Test func refusesChunksFarLargerThanTheArray() throws {
        let error = try #require(throws: FileError.self) { try HDF5File.read(["huge"], from: file("chunks.h5")) }
        #expect(error.kind == .limit && error.reason.contains("chunks of 268 MB, far more than its own 64 bytes"))
        #expect(try HDF5File.read(["fine"], from: file("chunks.h5"))[0].floats == (0..<15).map { Float($0) })
        #expect(try HDF5File.layout(of: "huge", in: file("chunks.h5")).shape == [1, 8, 8])
    }

    /// A root group whose messages, tree nodes and tables name the same blocks repeatedly.
    @Test(arguments: [(1, 4000, 65_535), (4000, 4000, 200), (4, 4000, 65_535)])
    func groupsThatNameTheSameBlocksEnd(messages: Int, children: Int, symbols: Int) throws {
        let bytes = Self.symbolTables(messages: messages, children: children, symbols: symbols)
        let error = try #require(throws: FileError.self) { try HDF5File.decode(["image"], from: bytes, name: "x.h5") }
        #expect(error.kind == .corrupt && error.reason.contains("the same blocks again and again"))
    }

    private static func symbolTables(messages: Int, children: Int, symbols: Int) -> [UInt8] {
        let header = 0x60
        let heap = (header + 16 + 24 * messages + 63) / 64 * 64
        let (names, tree) = (heap + 64, heap + 128)
        let table = tree + 24 + 16 * children
        var bytes: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0]
        func long(_ values: Int...) { for value in values { bytes.put(Int64(value)) } }
        func pad(to offset: Int) { bytes += [UInt8](repeating: 0, count: offset - bytes.count) }
        long(0, -1, table + 8 + 40 * symbols, -1, 0, header)
        pad(to: header)
        bytes += [1, 0]
        bytes.put(UInt16(messages))
        bytes.put(UInt32(1))
        bytes.put(UInt32(24 * messages))
        bytes.put(UInt32(0))
        for _ in 0..<messages {
            bytes += [0x11, 0, 16, 0, 0, 0, 0, 0]
            long(tree, heap)
        }
        pad(to: heap)
        bytes += Array("HEAP".utf8) + [0, 0, 0, 0]
        long(16, -1, names)
        pad(to: names)
        bytes += [0] + Array("imagX".utf8)
        pad(to: tree)
        bytes += Array("TREE".utf8) + [0, 0]
        bytes.put(UInt16(children))
        long(-1, -1)
        for _ in 0..<children { long(0, table) }
        bytes += Array("SNOD".utf8) + [1, 0]
        bytes.put(UInt16(symbols))
        for _ in 0..<symbols {
            long(1, header)
            bytes += [UInt8](repeating: 0, count: 24)
        }
        return bytes
    }
}
