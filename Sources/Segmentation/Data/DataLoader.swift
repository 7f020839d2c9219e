import Foundation
import Imaging

/// Batches of a data set, made beside the training step.
///
/// What a batch holds is a function of (seed, epoch, step) alone: not of the number of threads, of the cache, or of where the epoch was entered.
public final class DataLoader: Sendable {
    /// How samples are drawn, and what that may cost.
    public struct Options: Sendable, Equatable {
        /// Samples in a batch; the last of an epoch may have fewer.
        public var batchSize = 32
        /// Draw in a new order each epoch; otherwise in the set's own.
        public var shuffle = false
        /// Vary the samples, as the set defines it.
        public var augment = false
        /// What order and augmentation are a function of, with epoch and index.
        public var seed: UInt64 = 42
        /// Threads beside the consumer's.
        public var workers = DataLoader.defaultWorkers
        /// Batches that may be made or waiting at one time.
        public var queueDepth = 3
        /// Bytes of samples that may be kept in memory after reading; 0 reads each anew every epoch.
        public var cacheBytes = DataLoader.defaultCacheBytes

        /// In the set's own order and not augmented: for evaluation.
        public init(batchSize: Int = 32, seed: UInt64 = 42) {
            self.batchSize = batchSize
            self.seed = seed
        }

        /// In a new order each epoch and augmented.
        public static func training(batchSize: Int = 32, seed: UInt64 = 42) -> Options {
            var options = Options(batchSize: batchSize, seed: seed)
            (options.shuffle, options.augment) = (true, true)
            return options
        }
    }

    /// Half of the processors, eight at most: the network needs the others.
    public static var defaultWorkers: Int { min(8, max(1, ProcessInfo.processInfo.activeProcessorCount / 2)) }
    /// 2 GiB, or a quarter of the machine's memory where that is less.
    public static var defaultCacheBytes: Int { Int(min(2 << 30, ProcessInfo.processInfo.physicalMemory / 4)) }

    /// Where samples come from.
    public let dataset: any SegmentationDataset
    /// How they are drawn.
    public let options: Options
    /// In which order samples come.
    public let order: EpochOrder
    let cache: SampleCache

    /// Reads nothing yet.
    public init(_ dataset: any SegmentationDataset, _ options: Options) {
        self.dataset = dataset
        self.options = options
        order = EpochOrder(count: dataset.count, batchSize: options.batchSize, seed: options.seed, shuffle: options.shuffle)
        cache = SampleCache(limit: options.cacheBytes)
    }

    /// Batches in an epoch; the last may be smaller than the others.
    public var stepsPerEpoch: Int { order.stepsPerEpoch }

    /// The batches of an epoch from a step on (counted from 0); making them begins at once.
    public func batches(epoch: Int, from step: Int = 0) -> BatchStream {
        BatchStream(
            BatchPipeline(batches: order.batches(epoch: epoch, from: step), depth: options.queueDepth, workers: options.workers) {
                [dataset, options, cache] index in
                let loaded = try cache.sample(at: index) { try dataset.load(at: index) }
                let random = options.augment ? DataRandom.augmentation(seed: options.seed, epoch: epoch, index: index) : nil
                return try dataset.prepare(loaded, random: random)
            })
    }
}
