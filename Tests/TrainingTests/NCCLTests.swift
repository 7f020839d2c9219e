import Foundation
import TestSupport
import Testing
import Torch

@testable import Training

/// Gradients that go from GPU to GPU, with a stand-in for NCCL: threads are the processes, and the host's
/// memory is the GPUs'.
@Suite(.serialized, .enabled(if: FakeNCCL.compiler != nil, "needs a C compiler")) struct NCCLTests {
    private static let library = Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fake-nccl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return try FakeNCCL.build(in: folder)
    }

    /// A parameter's derivative on each of three processes: several buckets, sizes that three does not
    /// divide, a parameter that one process uses, one that none does.
    private static let shapes = [[3], [1_050_001], [7, 5], [11], [2, 2]]

    private static func derivative(_ parameter: Int, rank: Int) -> [Float]? {
        guard parameter != 3 || rank == 1, parameter != 4 else { return nil }
        // Magnitudes far apart, so that the order and the precision of a sum show.
        let scales: [Float] = [1e8, 1, -1e8]
        return (0..<shapes[parameter].reduce(1, *)).map { Float(($0 * 7919 + rank * 31) % 1009) / 1009 * scales[($0 + rank) % 3] }
    }

    /// The gradients of process `rank` after two steps; nil where there is none.
    private func gradients(_ group: any ProcessGroup, steps: Int = 2, bfloat16: Bool) throws -> [[Float]?] {
        let (joined, reason) = NCCL.join(group, on: .cpu, patience: 5, path: try Self.library.get())
        let nccl = try #require(joined, "\(reason)")
        return try withTorchErrors {
            let parameters = Self.shapes.map { Tensor([Float](repeating: 1, count: $0.reduce(1, *)), shape: $0).requiringGrad() }
            let sum = DeviceGradientSum(parameters, group, nccl, bfloat16: bfloat16)
            for _ in 0..<steps {
                for parameter in parameters { parameter.clearGradient() }
                // The last process has no pictures.
                try sum {
                    guard group.rank < 2 else { return }
                    let terms = parameters.indices.compactMap { i in
                        Self.derivative(i, rank: group.rank).map { (parameters[i] * Tensor($0, shape: Self.shapes[i])).sum() }
                    }
                    terms.dropFirst().reduce(terms[0], +).backward()
                }
            }
            return parameters.map { $0.gradient?.floats() }
        }
    }

    /// The sum in float64, rounded once, on every process: the bits of the sum by MPI.
    @Test func sumsHaveTheBitsOfTheOrderOfTheRanks() throws {
        let answers = try ThreadGroup.run(3) { try gradients($0, bfloat16: false) }
        for answer in answers {
            for index in Self.shapes.indices {
                guard index != 4 else {
                    #expect(answer[4] == nil)
                    continue
                }
                let parts = (0..<2).map { Self.derivative(index, rank: $0) }
                let count = Self.shapes[index].reduce(1, *)
                let exact = (0..<count).map { i in Float(parts.reduce(0.0) { $0 + Double($1?[i] ?? 0) }) }
                #expect(answer[index] == exact, "parameter \(index)")
            }
        }
        let sends = try FakeNCCL.read("fake_sends", of: Self.library.get())
        // Three processes, three partners, two steps, three buckets.
        #expect(sends % (3 * 3 * 2) == 0 && sends > 0)
    }

    /// Each of two roundings is off by 2⁻⁸ of its value at most.
    @Test func bfloat16RoundsTwice() throws {
        let exact = try ThreadGroup.run(3) { try gradients($0, steps: 1, bfloat16: false) }[0]
        let answers = try ThreadGroup.run(3) { try gradients($0, steps: 1, bfloat16: true) }
        #expect(answers[0] == answers[1] && answers[0] == answers[2] && answers[0] != exact)
        let largest = (0..<2).map { rank in Self.derivative(2, rank: rank)!.map(abs).max()! }.reduce(0, +)
        for (rounded, whole) in zip(answers[0][2]!, exact[2]!) { #expect(abs(rounded - whole) <= largest / 128) }
    }

    /// All processes learn of one's failure, and none is left waiting.
    @Test func whatCannotJoinIsSaidByAll() throws {
        let absent = try ThreadGroup.run(2) { group in
            let path = try group.rank == 0 ? Self.library.get() : "/nowhere/libnccl.so.2"
            let (nccl, reason) = NCCL.join(group, on: .cpu, patience: 5, path: path)
            #expect(nccl == nil)
            return reason
        }
        #expect(absent.allSatisfy { $0.contains("/nowhere/libnccl.so.2") }, "\(absent)")
        let library = try Self.library.get()
        FakeNCCL.write(1, to: "fake_failure", of: library)
        defer { FakeNCCL.write(0, to: "fake_failure", of: library) }
        let refused = try ThreadGroup.run(2) { group in
            NCCL.join(group, on: .cpu, patience: 5, path: library).reason
        }
        #expect(refused.allSatisfy { $0.contains("invalid usage") }, "\(refused)")
    }

    /// A network that fails under way throws, with the way out.
    @Test func aFailureUnderWayIsThrown() throws {
        let library = try Self.library.get()
        let words = try ThreadGroup.run(2) { group in
            let (nccl, _) = NCCL.join(group, on: .cpu, patience: 5, path: library)
            group.meet()
            if group.rank == 0 { FakeNCCL.write(2, to: "fake_failure", of: library) }
            group.meet()
            do {
                try nccl?.finish()
                return ""
            } catch let error as NCCLFailed {
                return error.description
            }
        }
        FakeNCCL.write(0, to: "fake_failure", of: library)
        #expect(words.allSatisfy { $0.contains("another error") && $0.contains("--resume") }, "\(words)")
    }

    @Test func versionsHaveThreeNumbers() throws {
        _ = try ThreadGroup.run(1) { NCCL.join($0, on: .cpu, patience: 5, path: try Self.library.get()).reason }
        #expect(NCCL.version == "2.19.3")
    }

    @Test func eachProcessOfAMachineTakesItsGPU() {
        #expect(GPUShare.visible(nil, present: 4, process: 2, of: 4) == "2")
        #expect(GPUShare.visible("5,3", present: 8, process: 1, of: 2) == "3")
        #expect(GPUShare.visible("GPU-a,GPU-b", present: 8, process: 0, of: 2) == "GPU-a")
        // One given by the launcher, too few, none, or nobody to share with.
        #expect(GPUShare.visible("3", present: 8, process: 1, of: 2) == nil)
        #expect(GPUShare.visible(nil, present: 1, process: 1, of: 2) == nil)
        #expect(GPUShare.visible(nil, present: 0, process: 1, of: 2) == nil)
        #expect(GPUShare.visible(nil, present: 4, process: 0, of: 1) == nil)
    }
}
