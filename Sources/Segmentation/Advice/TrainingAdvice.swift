import Files
import VMUNet

/// Settings for training that suit a data set and this machine (`check`, `train --auto`).
public struct TrainingAdvice: Sendable, Codable, Equatable {
    /// A network that this machine's CPU can train.
    public struct Network: Sendable, Codable, Equatable {
        /// The preset's name; nil for other sizes.
        public var preset: String?
        /// Pictures in a step.
        public var batchSize: Int
        /// The largest batch that leaves enough steps an epoch.
        public var largestBatch: Int
        /// The bytes that training takes, about; see ``TrainingMemory``.
        public var memory: Int
        /// The bytes that are free.
        public var freeMemory: Int

        private enum CodingKeys: String, CodingKey {
            case preset, batchSize = "batch_size", largestBatch = "largest_batch_size", memory = "memory_bytes"
            case freeMemory = "free_memory_bytes"
        }
    }

    /// Height and width of the network's input: advised for pictures, by the plan for volumes.
    public var imageSize: Int
    /// Advice from the masks; nil for volumes and slices.
    public var pictures: PictureAdvice?
    /// The network and its batch; nil without an estimate of its memory.
    public var network: Network?

    private enum CodingKeys: String, CodingKey { case imageSize = "image_size", pictures, network }

    /// The paper's batch, for which the learning rate is meant.
    static let usualBatch = 32
    /// The least steps of an epoch.
    private static let fewestSteps = 4

    /// Advice for `samples` training samples, of pictures or slices.
    ///
    /// - Parameters:
    ///   - settings: the set's, with the plan of its volumes.
    ///   - networks: the networks to choose from, the preferred one first; none if memory cannot be
    ///     estimated.
    package init(_ settings: DataSettings, pictures: PictureAdvice?, samples: Int, networks: [VMUNetConfiguration]) {
        self.pictures = pictures
        imageSize = pictures?.imageSize ?? settings.imageSize
        network = Self.network(of: networks, imageSize: imageSize, samples: samples, free: Memory.available())
    }

    /// The first network that trains with a picture or more in half of the free memory, otherwise
    /// the last one with a single picture.
    static func network(of networks: [VMUNetConfiguration], imageSize: Int, samples: Int, free: Int) -> Network? {
        let most = min(usualBatch, max(1, samples / fewestSteps))
        var found: Network?
        for network in networks {
            let memory = TrainingMemory(network, imageSize: imageSize), batch = memory.batchSize(within: free / 2, atMost: most)
            found = Network(
                preset: network.preset?.rawValue, batchSize: batch ?? 1, largestBatch: most, memory: memory.bytes(batchSize: batch ?? 1),
                freeMemory: free)
            if batch != nil { break }
        }
        return found
    }

    /// The networks for a CPU, the preferred one first, of the set's classes and channels.
    package static func networks(for settings: DataSettings) -> [VMUNetConfiguration] {
        [VMUNetConfiguration.small, .tiny].map { preset in
            var network = preset
            (network.classes, network.inputChannels) = (settings.classes, settings.inputChannels)
            return network
        }
    }
}
