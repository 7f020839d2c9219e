import TestSupport
import Testing

@testable import Segmentation

@Suite struct EpochOrderTests {
    @Test(arguments: [0, 1, 2, 31, 32, 33, 1500])
    func anEpochIsAPermutation(count: Int) {
        let order = EpochOrder(count: count, batchSize: 32, seed: 7, shuffle: true)
        for epoch in 0..<3 {
            #expect(order.permutation(epoch: epoch).sorted() == Array(0..<count))
            #expect(order.batches(epoch: epoch).flatMap(\.self) == order.permutation(epoch: epoch))
            #expect(order.batches(epoch: epoch).count == order.stepsPerEpoch)
        }
    }

    @Test func lastBatchIsKept() {
        let order = EpochOrder(count: 70, batchSize: 32, seed: 7, shuffle: false)
        #expect(order.batches(epoch: 0).map(\.count) == [32, 32, 6])
        #expect(order.permutation(epoch: 5) == Array(0..<70))
    }

    @Test func epochsAndSeedsDiffer() {
        let order = EpochOrder(count: 100, batchSize: 8, seed: 7, shuffle: true)
        let other = EpochOrder(count: 100, batchSize: 8, seed: 8, shuffle: true)
        #expect(order.permutation(epoch: 3) == order.permutation(epoch: 3))
        #expect(order.permutation(epoch: 3) != order.permutation(epoch: 4))
        #expect(order.permutation(epoch: 3) != other.permutation(epoch: 3))
        #expect(order.permutation(epoch: 3) != Array(0..<100))
    }

    @Test func anEpochCanBeEnteredAnywhere() {
        let order = EpochOrder(count: 70, batchSize: 8, seed: 7, shuffle: true)
        for step in 0...9 { #expect(order.batches(epoch: 2, from: step) == Array(order.batches(epoch: 2).dropFirst(step))) }
        #expect(order.batches(epoch: 2, from: 100).isEmpty)
    }
}
