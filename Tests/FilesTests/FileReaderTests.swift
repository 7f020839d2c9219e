import Foundation
import Testing

@testable import Files

@Suite struct FileReaderTests {
    @Test func readsWithinBounds() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data([1, 2, 3, 4, 5]).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        for reader in [try FileReader(url), FileReader([1, 2, 3, 4, 5], name: "memory")] {
            #expect(reader.size == 5)
            #expect(try reader.read(at: 1, count: 3, "x") == [2, 3, 4])
            #expect(try reader.read(at: 5, count: 0, "x") == [])
            #expect(try reader.all() == [1, 2, 3, 4, 5])
            #expect(try reader.head(99) == [1, 2, 3, 4, 5])
            #expect(try reader.bytes(at: 4, count: .max) == [5])
            #expect(try reader.bytes(at: 9, count: 2) == [])
            for (offset, count) in [(3, 3), (6, 0), (-1, 1), (0, -1), (.max, 1), (1, .max)] {
                let error = try #require(throws: FileError.self) { try reader.read(at: offset, count: count, "the part") }
                #expect(error.kind == .truncated && error.reason.contains("the part"))
            }
        }
    }

    @Test func refusesWhatIsNoFile() throws {
        let missing = try #require(throws: FileError.self) { try FileReader(URL(fileURLWithPath: "/nowhere/x")) }
        #expect(missing.kind == .missing && missing.description == "/nowhere/x: there is no such file; check the path")
        let folder = try #require(throws: FileError.self) { try FileReader(URL(fileURLWithPath: "/tmp")) }
        #expect(folder.reason == "is a folder")
        let device = try #require(throws: FileError.self) { try FileReader(URL(fileURLWithPath: "/dev/zero")) }
        #expect(device.reason == "is not a regular file")
    }

    @Test func numbersInBothOrders() {
        let bytes: [UInt8] = [0, 1, 2, 3, 0xFF]
        #expect(bytes.littleEndian(at: 1, as: UInt16.self) == 0x0201)
        #expect(bytes.bigEndian(at: 1, as: UInt32.self) == 0x0102_03FF)
        #expect(bytes.littleEndian(at: 4, as: Int8.self) == -1)
        var out: [UInt8] = []
        out.put(UInt32(0x0102_0304))
        #expect(out == [4, 3, 2, 1])
    }
}
