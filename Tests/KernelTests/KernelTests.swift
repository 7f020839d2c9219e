import CKernels
import Foundation
import Testing

/// All kernel tests. They set the instruction set and the number of threads of the whole process,
/// so they run one after another, nested in this suite.
@Suite(.serialized) struct KernelTests {}

/// The instruction sets of this processor.
let instructionSets = ["portable", "avx2", "avx512"].filter { name in
    defer { vmk_set_instruction_set(nil) }
    return String(cString: vmk_set_instruction_set(name)) == name
}

/// Runs `body` with one instruction set and a number of threads.
func with<Result>(instructionSet: String, threads: Int32 = 0, _ body: () throws -> Result) rethrows -> Result {
    vmk_set_instruction_set(instructionSet)
    vmk_set_threads(threads)
    defer {
        vmk_set_instruction_set(nil)
        vmk_set_threads(0)
    }
    return try body()
}

/// The greatest difference, relative to the greatest expected magnitude; infinite if anything is
/// not a number.
func relativeError(_ actual: [Float], _ expected: [Float]) -> Double {
    guard actual.count == expected.count else { return .infinity }
    var difference = 0.0
    var magnitude = 1e-30
    for (a, e) in zip(actual, expected) {
        guard a.isFinite, e.isFinite else { return .infinity }
        difference = max(difference, abs(Double(a) - Double(e)))
        magnitude = max(magnitude, abs(Double(e)))
    }
    return difference / magnitude
}

/// Equal numbers in every run (SplitMix64), roughly normal.
struct Numbers {
    var state: UInt64

    mutating func uniform() -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Float((z ^ (z >> 31)) >> 40) / Float(1 << 24)
    }

    mutating func normal(_ count: Int, scale: Float = 1, mean: Float = 0) -> [Float] {
        (0..<count).map { _ in mean + scale * 1.7320508 * ((uniform() + uniform() + uniform() + uniform()) * 2 - 4) * 0.5 }
    }
}

/// float32 tensors of a safetensors file under Fixtures.
struct Fixture {
    private(set) var tensors: [String: (shape: [Int], values: [Float])] = [:]

    init(_ name: String) throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name).safetensors")
        let data = try Data(contentsOf: url)
        let length = Int(data.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
        let header = try #require(JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any])
        for (key, value) in header where key != "__metadata__" {
            let entry = try #require(value as? [String: Any])
            let shape = try #require(entry["shape"] as? [Int])
            let offsets = try #require(entry["data_offsets"] as? [Int])
            try #require(entry["dtype"] as? String == "F32")
            var values = [Float](repeating: 0, count: (offsets[1] - offsets[0]) / 4)
            _ = values.withUnsafeMutableBytes { data.copyBytes(to: $0, from: 8 + length + offsets[0]..<8 + length + offsets[1]) }
            tensors[key] = (shape, values)
        }
    }

    subscript(key: String) -> [Float] { tensors[key]?.values ?? [] }
}
