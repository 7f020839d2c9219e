import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Batches of a data set, prepared during training.
///
/// A batch depends only on (seed, epoch, step): not on the number of threads, the cache, or where
/// the epoch was entered.
package final class DataLoader: Sendable {
    /// Settings of drawing samples, and of its cost.
    package struct Options: Sendable, Equatable {
        /// Samples in a batch; the last of an epoch may have fewer.
        package var batchSize = 32
        /// True if each epoch has a new order; otherwise the set's own.
        package var shuffle = false
        /// Varies the samples as the set defines it.
        package var augment = false
        /// Further variation of augmented samples; nil for none.
        package var variation: SampleVariation?
        /// The seed; with epoch and index it determines order and augmentation.
        package var seed: UInt64 = 42
        /// The number of threads.
        package var workers = DataLoader.defaultWorkers
        /// The most batches prepared or waiting at a time.
        package var queueDepth = 3
        /// Bytes of samples to keep in memory after reading; 0 reads every sample in every epoch.
        package var cacheBytes = DataLoader.defaultCacheBytes

        /// In the set's own order and without augmentation, for evaluation.
        package init(batchSize: Int = 32, seed: UInt64 = 42) {
            self.batchSize = batchSize
            self.seed = seed
        }

        /// In a new order each epoch and augmented.
        package static func training(batchSize: Int = 32, seed: UInt64 = 42) -> Options {
            var options = Options(batchSize: batchSize, seed: seed)
            (options.shuffle, options.augment) = (true, true)
            return options
        }
    }

    /// Half of the processors, at most eight: the network needs the others.
    package static var defaultWorkers: Int { min(8, max(1, ProcessInfo.processInfo.activeProcessorCount / 2)) }
    /// 2 GiB, or a quarter of the machine's memory if that is less.
    package static var defaultCacheBytes: Int { Int(min(2 << 30, ProcessInfo.processInfo.physicalMemory / 4)) }

    /// The source of the samples.
    package let dataset: any SegmentationDataset
    /// The settings of drawing them.
    package let options: Options
    /// The order of the samples.
    package let order: EpochOrder
    let cache: SampleCache

    /// Reads nothing yet.
    package init(_ dataset: any SegmentationDataset, _ options: Options) {
        self.dataset = dataset
        self.options = options
        order = EpochOrder(count: dataset.count, batchSize: options.batchSize, seed: options.seed, shuffle: options.shuffle)
        cache = SampleCache(limit: options.cacheBytes)
    }

    /// Batches per epoch; the last may be smaller.
    package var stepsPerEpoch: Int { order.stepsPerEpoch }

    /// An epoch's batches from a step on (counted from 0). Preparing them starts at once.
    ///
    /// - Parameter choosing: selects some of a step's samples; steps without any are left out.
    package func batches(
        epoch: Int, from step: Int = 0, choosing: (_ step: Int, _ samples: [Int]) -> [Int] = { $1 }
    ) -> BatchStream {
        let batches = order.batches(epoch: epoch, from: step).enumerated().map { choosing(max(0, step) + $0, $1) }
        return BatchStream(
            BatchPipeline(batches: batches, depth: options.queueDepth, workers: options.workers) { [dataset, options, cache] index in
                let loaded = try cache.sample(at: index) { try dataset.load(at: index) }
                guard options.augment else { return try dataset.prepare(loaded, random: nil) }
                let sample = try dataset.prepare(
                    loaded, random: DataRandom.augmentation(seed: options.seed, epoch: epoch, index: index))
                guard let variation = options.variation else { return sample }
                return variation.applied(to: sample, DataRandom.variation(seed: options.seed, epoch: epoch, index: index))
            })
    }
}
