import Foundation

/// The golden files of this target.
package let volumeFixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../SegmentationTests/Fixtures")
    .standardizedFileURL

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
