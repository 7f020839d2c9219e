import Foundation
import TensorFiles

/// Golden cases of the whole network from PyTorch in float64: small ones of VMUNetTests, large ones
/// of `VMUNET_FIXTURES`.
package enum Golden {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../VMUNetTests/Fixtures")

    package static func read(_ name: String) throws -> StateDictionary {
        let here = folder.appending(path: name)
        if FileManager.default.fileExists(atPath: here.path) { return try SafetensorsFile.read(here) }
        return try SafetensorsFile.read((TestMachine.fixtures ?? folder).appending(path: name))
    }
}

/// A golden safetensors file, read without the library's own reader: an eight-byte length, JSON,
/// then the values.
package struct GoldenFile: Sendable {
    package struct Tensor: Sendable {
        package let shape: [Int]
        package let bytes: [UInt8]
        /// The values of a tensor of float32; none of another type.
        package let floats: [Float]
    }

    package let tensors: [String: Tensor]
    package let metadata: [String: String]

    /// Reads `Fixtures/NAME.safetensors` of the test target that `file` belongs to.
    package init(_ name: String, near file: String = #filePath) throws {
        let folders = sequence(first: URL(filePath: file)) { $0.deletingLastPathComponent() }.prefix(4)
        let places = folders.map { $0.appending(path: "Fixtures/\(name).safetensors") }
        guard let url = places.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: name])
        }
        let data = try Data(contentsOf: url)
        let start = 8 + data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: data[8..<start]) as? [String: Any] ?? [:]
        metadata = header["__metadata__"] as? [String: String] ?? [:]
        var tensors: [String: Tensor] = [:]
        for (key, entry) in header {
            guard let entry = entry as? [String: Any], let offsets = entry["data_offsets"] as? [Int] else { continue }
            let bytes = [UInt8](data[start + offsets[0]..<start + offsets[1]])
            let isFloat = entry["dtype"] as? String == "F32"
            let floats = bytes.withUnsafeBytes { raw in
                isFloat ? (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) } : []
            }
            tensors[key] = Tensor(shape: entry["shape"] as? [Int] ?? [], bytes: bytes, floats: floats)
        }
        self.tensors = tensors
    }

    /// A tensor's values; empty if there is no such tensor.
    package subscript(key: String) -> [Float] { tensors[key]?.floats ?? [] }

    package func floats(_ name: String) -> (values: [Float], shape: [Int]) { (self[name], tensors[name]?.shape ?? []) }

    package func labels(_ name: String) -> (values: [UInt8], shape: [Int]) {
        (tensors[name]?.bytes ?? [], tensors[name]?.shape ?? [])
    }
}
