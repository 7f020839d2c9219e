import Foundation

/// The golden files of this target.
package let volumeFixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../SegmentationTests/Fixtures")
    .standardizedFileURL

/// A fixture's tensors and text, read without the library's safetensors reader.
package struct VolumeFixture {
    private let data: Data
    private let header: [String: Any]
    private let start: Int

    package init(_ name: String) throws {
        data = try Data(contentsOf: volumeFixtures.appendingPathComponent(name + ".safetensors"))
        let length = Int(data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        header = try JSONSerialization.jsonObject(with: data.subdata(in: 8..<8 + length)) as? [String: Any] ?? [:]
        start = 8 + length
    }

    package func metadata(_ key: String) -> String? { (header["__metadata__"] as? [String: Any])?[key] as? String }

    private func bytes(_ name: String) -> (bytes: Data, shape: [Int]) {
        let entry = header[name] as? [String: Any] ?? [:]
        let offsets = entry["data_offsets"] as? [Int] ?? [0, 0]
        return (data.subdata(in: start + offsets[0]..<start + offsets[1]), entry["shape"] as? [Int] ?? [])
    }

    package func floats(_ name: String) -> (values: [Float], shape: [Int]) {
        let (bytes, shape) = bytes(name)
        return (
            bytes.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) } }, shape
        )
    }

    package func labels(_ name: String) -> (values: [UInt8], shape: [Int]) {
        let (bytes, shape) = bytes(name)
        return ([UInt8](bytes), shape)
    }
}

/// Python with NumPy, SciPy, h5py and nibabel, if the environment names one.
package enum VolumePython {
    package static var interpreter: String? { ProcessInfo.processInfo.environment["VMUNET_PYTHON"].flatMap { $0.isEmpty ? nil : $0 } }

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Runs a script with `arguments` in sys.argv[1:]; returns its standard output.
    @discardableResult
    package static func run(_ script: String, _ arguments: [String] = []) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: interpreter ?? "/usr/bin/env")
        process.arguments = ["-c", script] + arguments
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let trouble = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: trouble) }
        return text
    }
}

/// A folder that is removed after the test.
package func withVolumeFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("volumes-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// A small deterministic generator, so that failures can be repeated.
package struct VolumeRandom: RandomNumberGenerator {
    package var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var value = state
        value = (value ^ (value >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return value ^ (value >> 33)
    }
}

package func writeVolumeBytes<Value>(_ values: [Value], to url: URL) throws {
    try values.withUnsafeBytes { Data($0) }.write(to: url)
}

package func readVolumeValues<Value>(_ url: URL, as _: Value.Type = Value.self) throws -> [Value] {
    let data = try Data(contentsOf: url)
    return data.withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<Value>.stride).map {
            raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Value>.stride, as: Value.self)
        }
    }
}
