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
