import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

/// Files written by h5py and nibabel (`Fixtures/Volumes/make.py`).
let volumeFiles = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/Volumes")

@Suite("HDF5 files")
struct HDF5FileTests {
    private let kinds = volumeFiles.appendingPathComponent("kinds.h5")
    private let chunked = volumeFiles.appendingPathComponent("chunked.h5")
    private let hostile = volumeFiles.appendingPathComponent("hostile.h5")

    @Test(arguments: [
        ("f4", ElementType.float32), ("f8", .float64), ("f2", .float16), ("i1", .int8), ("u1", .uint8), ("i2", .int16), ("u2", .uint16),
        ("i4", .int32), ("u4", .uint32), ("i8", .int64), ("u8", .uint64), ("big_f4", .float32), ("big_f8", .float64), ("big_i2", .int16),
        ("big_u4", .uint32),
    ])
    func everyNumericTypeIsRead(_ name: String, _ type: ElementType) throws {
        let tensor = try HDF5File.read([name], from: kinds)[0]
        #expect(tensor.elementType == type)
        #expect(tensor.shape == [2, 3, 4])
        let (scale, shift) = (name.contains("f") ? 1.5 : 1, name.contains("u") ? 0.0 : 5)
        #expect(tensor.doubles == (0..<24).map { Double($0) * scale - shift })
        #expect(try HDF5File.shape(of: name, in: kinds) == [2, 3, 4])
    }

    @Test func smallShapesAreRead() throws {
        let read = try HDF5File.read(["number", "empty", "packed_in"], from: kinds)
        #expect(read[0].shape == [] && read[0].floats == [7])
        #expect(read[1].shape == [0, 3] && read[1].count == 0)
        #expect(read[2].shape == [4] && read[2].integers == [0, 1, 2, 3])
    }

    @Test(arguments: ["plain", "gzip", "shuffled", "checked", "checked_alone", "growing", "big_end"])
    func chunksEqualNumPy(_ name: String) throws {
        let tensor = try HDF5File.read([name], from: chunked)[0]
        let expected = try NumPyFile.read(volumeFiles.appendingPathComponent("chunked.npy"))
        #expect(tensor.shape == expected.shape)
        #expect(tensor.floats == expected.floats)
    }

    @Test func halfPrecisionIsRead() throws {
        let halves = try HDF5File.read(["halves"], from: chunked)[0]
        let expected = try NumPyFile.read(volumeFiles.appendingPathComponent("chunked.npy"))
        #expect(halves.elementType == .float16)
        #expect(halves.floats == expected.floats.map { $0 / 2 })
    }

    @Test(arguments: [
        ("kinds.h5", "absent", FileError.Kind.missing), ("kinds.h5", "rank5", .unsupported), ("kinds.h5", "text", .unsupported),
        ("kinds.h5", "truth", .unsupported), ("kinds.h5", "record", .unsupported), ("kinds.h5", "group", .corrupt),
        ("chunked.h5", "lzf", .unsupported), ("chunked.h5", "scaled", .unsupported), ("chunked.h5", "half_written", .truncated),
        ("chunked.h5", "never_written", .truncated), ("chunked.h5", "never_written_plain", .truncated),
        ("hostile.h5", "bomb", .corrupt), ("hostile.h5", "short", .corrupt), ("hostile.h5", "garbage", .corrupt),
        ("hostile.h5", "lies", .truncated), ("hostile.h5", "enormous", .corrupt), ("hostile.h5", "soft", .unsupported),
        ("links.h5", "elsewhere", .unsupported), ("links.h5", "soft", .unsupported), ("hostile.h5", "virtual", .unsupported),
        ("hostile.h5", "outside", .unsupported),
    ])
    func othersAreRefused(_ file: String, _ name: String, _ kind: FileError.Kind) throws {
        let url = volumeFiles.appendingPathComponent(file)
        let error = try #require(throws: FileError.self) { try HDF5File.read([name], from: url) }
        #expect(error.kind == kind, "\(error)")
        #expect(error.description.contains(file) && error.description.contains("'\(name)'"), "\(error)")
        #expect(!error.remedy.isEmpty)
    }

    /// The newer format where it differs little, many names, and a user block before the file.
    @Test func otherFormsAreRead() throws {
        let latest = volumeFiles.appendingPathComponent("latest.h5")
        let expected = try NumPyFile.read(volumeFiles.appendingPathComponent("chunked.npy"))
        for tensor in try HDF5File.read(["whole", "single", "single_plain"], from: latest) {
            #expect(tensor.shape == expected.shape && tensor.floats == expected.floats)
        }
        #expect(try HDF5File.read(["hard"], from: volumeFiles.appendingPathComponent("links.h5"))[0].integers == Array(0..<24))
        #expect(try #require(throws: FileError.self) { try HDF5File.read(["many"], from: latest) }.kind == .unsupported)

        let many = try HDF5File.read(
            (0..<60).map { $0 < 10 ? "array0\($0)" : "array\($0)" }, from: volumeFiles.appendingPathComponent("many_names.h5"))
        for (i, tensor) in many.enumerated() { #expect(tensor.integers == [i, i, i, i]) }
    }

    /// Random changes give an error or numbers, never a crash, a hang or unbounded memory.
    @Test(arguments: [
        ("chunked.h5", ["checked", "growing", "plain"]), ("kinds.h5", ["f4", "packed_in", "absent"]),
        ("latest.h5", ["whole", "single", "many"]), ("many_names.h5", ["array07", "array59"]),
    ])
    func damagedFilesDoNoHarm(_ name: String, _ arrays: [String]) throws {
        let whole = try [UInt8](Data(contentsOf: volumeFiles.appendingPathComponent(name)))
        var state: UInt64 = 99
        let random = { (bound: Int) -> Int in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        try withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("damaged.h5")
            var refused = 0
            for _ in 0..<300 {
                var bytes = whole
                for _ in 0...random(5) { bytes[random(bytes.count)] = [0, 255, 1, 0x7F, UInt8(random(256))][random(5)] }
                try Data(bytes).write(to: file)
                for array in arrays {
                    do throws(FileError) { _ = try HDF5File.read([array], from: file, limit: 1 << 20) } catch { refused += 1 }
                }
            }
            #expect(refused > 5)
        }
    }

    @Test func limitIsKept() throws {
        #expect(try HDF5File.read(["plain"], from: chunked, limit: 4 * 385).count == 1)
        let error = try #require(throws: FileError.self) { try HDF5File.read(["plain"], from: chunked, limit: 4 * 385 - 1) }
        #expect(error.kind == .limit)
    }

    @Test func otherFilesAreRefused() throws {
        try withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("case.npy.h5")
            #expect(try #require(throws: FileError.self) { try HDF5File.read(["image"], from: file) }.kind == .missing)
            for contents in [Data(), Data("image".utf8), Data(count: 5000)] {
                try contents.write(to: file)
                #expect(try #require(throws: FileError.self) { try HDF5File.read(["image"], from: file) }.kind == .wrongFormat)
            }
            #expect(try #require(throws: FileError.self) { try HDF5File.read(["image"], from: folder) }.kind == .unreadable)
        }
    }

    /// A header that goes on in a block of more bytes than there can be: no sum of sizes may
    /// overflow.
    @Test func sizesBeyondEveryNumberAreRefused() throws {
        var file: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0, 0, 8, 8, 0]
        file.put(UInt16(4))
        file.put(UInt16(16))
        file.put(UInt32(0))
        // Base, free space, end, driver; the root's name and header.
        for field: UInt64 in [0, .max, 160, .max, 0, 96, 0, 0, 0] { file.put(field) }
        file += [1, 0, 2, 0, 1, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0]
        for size in [UInt64(Int.max), .max] {
            file.put(UInt16(0x10))
            file.put(UInt16(16))
            file.put(UInt32(0))
            for field in [UInt64(96), size] { file.put(field) }
        }
        #expect(file.count == 160)
        let error = try #require(throws: FileError.self) {
            try TestFiles.read(file, as: "case.h5") { try HDF5File.read(["image"], from: $0) }
        }
        #expect(error.kind == .truncated, "\(error)")
    }

    /// A truncated file is an error, never a crash or made-up numbers.
    @Test func truncatedFilesAreRefused() throws {
        let whole = try Data(contentsOf: chunked)
        try withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("cut.h5")
            for length in stride(from: 0, to: whole.count - 1, by: 997) {
                try whole.prefix(length).write(to: file)
                #expect(throws: FileError.self, "\(length) bytes") { try HDF5File.read(["growing"], from: file) }
            }
        }
    }

    /// Reads on many threads at once.
    @Test func manyThreadsRead() async throws {
        let expected = try NumPyFile.read(volumeFiles.appendingPathComponent("chunked.npy")).floats
        let chunked = chunked
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 { group.addTask { try HDF5File.read(["checked"], from: chunked)[0].floats == expected } }
            for try await isEqual in group { #expect(isEqual) }
        }
    }
}
