import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

/// Files for tests: committed fixtures, temporary ones, and Python to check ours.
enum TestFiles {
    static func fixture(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)")
    }

    static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: fixture(name))) }

    /// Reads `bytes` as a file of that name.
    static func read<T>(_ bytes: [UInt8], as name: String, _ reader: (URL) throws -> T) throws -> T {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent(name)
            try put(bytes, at: url)
            return try reader(url)
        }
    }

    /// Writes a new file of that name. Foundation would flush it to the disk, which takes longer
    /// than the rest of a test.
    static func put(_ bytes: some Collection<UInt8>, at url: URL) throws {
        unlink(url.path)
        let file = try #require(fopen(url.path, "w"))
        let written = fwrite(Array(bytes), 1, bytes.count, file)
        try #require(fclose(file) == 0 && written == bytes.count)
    }

    /// The error of reading `bytes`; the test fails if there is none.
    static func refusal(
        _ bytes: [UInt8], as name: String = "file.pth", _ reader: (URL) throws -> some Any = { try WeightsFile.read($0) }
    ) throws -> FileError {
        try #require(throws: FileError.self) { try read(bytes, as: name, reader) }
    }

    /// A `.pth` with this pickle and these records.
    static func archive(_ pickle: [UInt8], records: [(String, [UInt8])] = []) throws -> [UInt8] {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("archive.pth")
            try AtomicFile.write(to: url) { writer in
                var zip = ZipWriter(prefix: "archive")
                try zip.add("data.pkl", pickle, to: &writer)
                for (name, bytes) in records { try zip.add(name, bytes, to: &writer) }
                try zip.finish(to: &writer)
            }
            return [UInt8](try Data(contentsOf: url))
        }
    }

    /// Writes bytes as a gzip file.
    static func pack(_ bytes: [UInt8], at url: URL) throws {
        try AtomicFile.write(to: url, isDurable: false) { writer in
            var packer = try GzipWriter()
            try packer.write(bytes, to: &writer)
            try packer.finish(to: &writer)
        }
    }

    /// The contents of the record that ends in `suffix`.
    static func record(_ suffix: String, of name: String) throws -> [UInt8] {
        let zip = try ZipReader(FileReader(fixture(name)))
        let entry = try #require(zip.entries.first { $0.name.hasSuffix(suffix) })
        return try zip.read(entry, limit: 1 << 20)
    }
}

/// Builds pickles by hand.
struct Pickle {
    var bytes: [UInt8] = [0x80, 2]

    mutating func op(_ opcodes: PickleOpcode...) { bytes += opcodes.map(\.rawValue) }

    mutating func raw(_ more: [UInt8]) { bytes += more }

    mutating func string(_ text: String) {
        op(.binUnicode)
        bytes.put(UInt32(text.utf8.count))
        bytes += Array(text.utf8)
    }

    mutating func integer(_ value: Int) {
        op(.long1)
        bytes.append(8)
        bytes.put(Int64(value))
    }

    mutating func integers(_ values: [Int]) {
        op(.mark)
        for value in values { integer(value) }
        op(.tuple)
    }

    mutating func global(_ module: String, _ name: String) {
        op(.global)
        bytes += Array("\(module)\n\(name)\n".utf8)
    }

    mutating func tensor(storage: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int], strides: [Int]) {
        global("torch._utils", "_rebuild_tensor_v2")
        op(.mark, .mark)
        string("storage")
        global("torch", storage)
        string(key)
        string("cpu")
        integer(count)
        op(.tuple, .binPersistentID)
        integer(offset)
        integers(shape)
        integers(strides)
        op(.newFalse, .none, .tuple, .reduce)
    }

    /// {"a": what `value` pushes}
    static func dictionary(_ value: (inout Pickle) -> Void) -> [UInt8] {
        var pickle = Pickle()
        pickle.op(.emptyDict)
        pickle.string("a")
        value(&pickle)
        pickle.op(.setItem, .stop)
        return pickle.bytes
    }
}

/// Equal numbers in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
