import Foundation
import Imaging
import Testing

/// Fixtures made by Fixtures/make.py: a folder of pictures, and expected bytes by name in one file.
struct Fixture {
    let folder: URL
    private let index: [String: [Int]]
    private let blob: Data

    static let committed = try! Fixture(folder: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures"))

    init(folder: URL) throws {
        self.folder = folder
        index = try JSONDecoder().decode([String: [Int]].self, from: Data(contentsOf: folder.appending(path: "expected.json")))
        blob = try Data(contentsOf: folder.appending(path: "expected.bin"))
    }

    func url(_ name: String) -> URL { folder.appending(path: name) }

    func json<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: url(name)))
    }

    func bytes(_ name: String) throws -> [UInt8] {
        let place = try #require(index[name], "no fixture \(name)")
        return [UInt8](blob[place[0]..<(place[0] + place[1])])
    }

    func floats(_ name: String) throws -> [Float] {
        try bytes(name).withUnsafeBytes { raw in
            (0..<(raw.count / 4)).map {
                Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }
}
