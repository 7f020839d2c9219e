import Foundation
import Networks
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch

@testable import Training

/// A batch that is cut among processes has the loss and the gradient of the whole. The processes
/// are threads here, so that it is tested without MPI.
@Suite struct BatchSumTests {
    private struct Part: Sendable {
        let loss: Double
        let gradient: [Float]
    }

    private func compare(_ loss: SegmentationLoss, logits: HostTensor, target: HostTensor, among size: Int) throws {
        let B = logits.shape[0]
        let whole: Part = try withTorchErrors {
            let x = Tensor(logits).requiringGrad()
            let value = loss(x, Tensor(target))
            value.backward()
            return Part(loss: value.item, gradient: try #require(x.gradient).floats())
        }
        let classes = logits.shape[1]
        let parts: [Part] = try ThreadGroup.run(size) { group in
            let part = BatchPart(of: B, rank: group.rank, size: group.size)
            return try withTorchErrors {
                let sum = BatchSum(group: group, part: part)
                guard part.count > 0 else {
                    let (x, t) = BatchTensors.none(classes: classes)
                    return Part(loss: loss(x, t, in: sum).item, gradient: [])
                }
                let x = Tensor(logits).narrowed(axis: 0, start: part.start, length: part.count).copied().requiringGrad()
                let t = Tensor(target).narrowed(axis: 0, start: part.start, length: part.count)
                let value = loss(x, t, in: sum)
                value.backward()
                return Part(loss: value.item, gradient: try #require(x.gradient).floats())
            }
        }
        // Bit for bit the same loss on all.
        #expect(Set(parts.map(\.loss)).count == 1)
        #expect(abs(parts[0].loss - whole.loss) < 1e-6 * abs(whole.loss), "\(parts[0].loss), not \(whole.loss)")
        let gradient = parts.flatMap(\.gradient)
        let largest = whole.gradient.map(abs).max() ?? 0
        let worst = zip(gradient, whole.gradient).map { abs($0 - $1) }.max() ?? .infinity
        #expect(gradient.count == whole.gradient.count && largest > 0 && worst < 1e-6 * largest, "\(worst) of \(largest)")
    }

    private func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24) * 4 - 2
        }
    }

    @Test(arguments: [2, 3, 7]) func binary(size: Int) throws {
        let logits = HostTensor(numbers(5 * 64, 1), shape: [5, 1, 8, 8])
        let target = HostTensor(numbers(5 * 64, 2).map { $0 > 0.5 ? Float(1) : Float(0) }, shape: [5, 1, 8, 8])
        try compare(SegmentationLoss(), logits: logits, target: target, among: size)
        let holes = HostTensor(numbers(5 * 64, 2).map { $0 > 0.5 ? Float(1) : $0 < -1 ? Float(-1) : Float(0) }, shape: [5, 1, 8, 8])
        try compare(SegmentationLoss(diceWeight: 2, ignoredLabel: 255), logits: logits, target: holes, among: size)
    }

    @Test(arguments: [2, 3, 7]) func manyClasses(size: Int) throws {
        let logits = HostTensor(numbers(5 * 4 * 64, 3), shape: [5, 4, 8, 8])
        let labels = numbers(5 * 64, 4).map { Int64(min(3, max(0, ($0 + 2)))) }
        let target = try HostTensor(shape: [5, 8, 8], elementType: .int64, bytes: labels.withUnsafeBytes(Array.init))
        for loss in [
            SegmentationLoss(), SegmentationLoss(classWeights: [0.1, 1, 0, 2.5]),
            SegmentationLoss(crossEntropyWeight: 0.3, ignoredLabel: 2),
        ] {
            try compare(loss, logits: logits, target: target, among: size)
        }
    }

    /// Parts follow each other, cover the batch, and differ by one picture at most.
    @Test func partsCoverABatch() {
        for (total, size) in [(6, 4), (1, 3), (24, 7), (8, 8)] {
            let parts = (0..<size).map { BatchPart(of: total, rank: $0, size: size) }
            #expect(parts.flatMap(\.range) == Array(0..<total))
            #expect((parts.map(\.count).max() ?? 0) - (parts.map(\.count).min() ?? 0) <= 1)
        }
    }

    /// An error on one process is thrown on all: its own where it happened, and the lowest rank's if
    /// there are several. Without one, a stop anywhere stops all.
    @Test func outcomesAreShared() throws {
        struct Bad: Error {}
        let answers: [[String]] = try ThreadGroup.run(3) { group in
            (0..<4).map { round -> String in
                let result: Result<Int, any Error> = Result {
                    try group.together {
                        if round == 1, group.rank > 0 { throw Bad() }
                        if round == 2, group.rank == 2 { throw Interruption() }
                        if round == 3, group.rank == 1 { throw Interruption() }
                        if round == 3, group.rank == 2 { throw Bad() }
                        return group.rank
                    }
                }
                switch result {
                case .success(let rank): return "\(rank)"
                case .failure(let error as ProcessFailed): return "process \(error.rank)"
                case .failure(is Interruption): return "stop"
                case .failure: return "bad"
                }
            }
        }
        #expect(
            answers == [["0", "process 1", "stop", "process 2"], ["1", "bad", "stop", "process 2"], ["2", "process 1", "stop", "bad"]])
    }
}
