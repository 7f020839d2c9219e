import Imaging

/// The samples of each batch, as a pure function of (seed, epoch).
package struct EpochOrder: Sendable, Equatable {
    /// Samples in the set.
    package var count: Int
    /// Samples in a batch.
    package var batchSize: Int
    /// The run's seed.
    package var seed: UInt64
    /// Draws a new permutation each epoch; otherwise 0, 1, 2, ….
    package var shuffle: Bool

    /// `count` may be 0, `batchSize` must be at least 1.
    package init(count: Int, batchSize: Int, seed: UInt64, shuffle: Bool) {
        precondition(count >= 0 && batchSize > 0, "a batch has at least one sample")
        self.count = count
        self.batchSize = batchSize
        self.seed = seed
        self.shuffle = shuffle
    }

    /// Batches per epoch. The last holds the remainder; nothing is dropped.
    package var stepsPerEpoch: Int { (count + batchSize - 1) / batchSize }

    /// Samples in a step's batch.
    package func size(ofStep step: Int) -> Int { min(batchSize, count - step * batchSize) }

    /// An epoch's samples in the order in which they are drawn.
    package func permutation(epoch: Int) -> [Int] {
        guard shuffle else { return Array(0..<count) }
        var random = DataRandom.order(seed: seed, epoch: epoch)
        return random.permutation(count)
    }

    /// An epoch's batches from a step on (counted from 0); empty at its end.
    package func batches(epoch: Int, from step: Int = 0) -> [[Int]] {
        let order = permutation(epoch: epoch)
        return (min(max(0, step), stepsPerEpoch)..<stepsPerEpoch).map { step in
            Array(order[step * batchSize..<min(count, (step + 1) * batchSize)])
        }
    }
}

/// The random sequences for data, separate from each other and from those of other parts with the
/// same seed.
enum DataRandom {
    // Streams are 2³² · purpose + epoch.
    private static func stream(_ purpose: UInt64, _ epoch: Int) -> UInt64 {
        (0xDA7A_0000 + purpose) << 32 | UInt64(UInt32(truncatingIfNeeded: epoch))
    }

    static func order(seed: UInt64, epoch: Int) -> CounterRandom { CounterRandom(seed: seed, stream: stream(1, epoch)) }

    static func augmentation(seed: UInt64, epoch: Int, index: Int) -> CounterRandom {
        CounterRandom(seed: seed, stream: stream(2, epoch), substream: UInt64(index))
    }

    static func variation(seed: UInt64, epoch: Int, index: Int) -> CounterRandom {
        CounterRandom(seed: seed, stream: stream(4, epoch), substream: UInt64(index))
    }

    static func subset(seed: UInt64) -> CounterRandom { CounterRandom(seed: seed, stream: stream(5, 0)) }

    static func split(seed: UInt64) -> CounterRandom { CounterRandom(seed: seed, stream: stream(3, 0)) }
}
