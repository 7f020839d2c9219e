/// The form of a network's input: from the weights' metadata, from overriding options, or assumed.
public struct InputConvention: Sendable, Equatable {
    /// Pictures or volumes; nil if the weights do not record it.
    public let input: WeightsMetadata.Input?
    /// The largest input value for pictures and for volumes: 255 or 1.
    public let pictureScale: Float, volumeScale: Float
    /// The window for volumes; ``IntensityWindow/percentiles`` if none is given.
    public let window: IntensityWindow
    /// The voxel order to turn volumes to; nil keeps the stored order.
    public let voxelOrder: VoxelOrder?
    /// Fits slices to the network's input.
    public let sliceFit: SliceFit
    /// The spacing that slices are resampled to; nil keeps theirs.
    public let sliceSpacing: VoxelSpacing?
    /// Slices on each side of a slice that the network sees as further channels.
    public let neighbors: Int
    /// The channels' names, if the weights record them.
    public let channels: [String]?
    /// Each channel's mapping; nil maps all by ``window``.
    public let normalizations: [Normalization]?
    /// Assumptions about pictures, each with the option that changes it.
    public let pictureAssumptions: [String]
    /// Assumptions about volumes, each with the option that changes it.
    public let volumeAssumptions: [String]
    /// Assumptions about arrays of 0…1, which have no voxel order and no intensity mapping.
    package let arrayAssumptions: [String]

    /// Options that override the weights' metadata.
    public struct Options: Sendable, Equatable {
        /// The window for volumes.
        public var window: IntensityWindow?
        /// The voxel order to turn volumes to.
        public var voxelOrder: VoxelOrder?
        /// Keeps volumes in their stored order, whatever the weights record.
        public var keepsStoredOrder = false
        /// The largest input value: 255 or 1.
        public var scale: Float?

        /// Everything as the weights record it.
        public init() {}
    }

    /// Uses options first, then metadata, then the usual values.
    public init(_ metadata: WeightsMetadata, options: Options = Options()) {
        input = metadata.input
        var pictures: [String] = [], volumes: [String] = []
        if let scale = options.scale ?? metadata.valueRange.map({ Float($0.upperBound) }) {
            (pictureScale, volumeScale) = (scale, scale)
        } else {
            (pictureScale, volumeScale) = (255, 1)
            pictures.append("values 0…255 (--value-range 0,1 for others)")
            volumes.append("values 0…1 (--value-range 0,255 for others)")
        }
        arrayAssumptions = volumes
        normalizations = options.window == nil ? metadata.normalization : nil
        if let window = options.window ?? metadata.window {
            self.window = window
        } else if normalizations != nil {
            window = .percentiles
        } else {
            window = .percentiles
            volumes.append("intensities from the 0.5th to the 99.5th percentile (--window LOW,HIGH)")
        }
        voxelOrder = options.keepsStoredOrder ? nil : options.voxelOrder ?? metadata.voxelOrder
        if voxelOrder == nil, !options.keepsStoredOrder {
            volumes.append("voxels in the order that they are stored in (--voxel-order RAS)")
        }
        (sliceFit, sliceSpacing) = (metadata.sliceFit ?? .stretch, metadata.sliceFit == .spacing ? metadata.spacing : nil)
        (neighbors, channels) = (metadata.neighbors ?? 0, metadata.channels)
        (pictureAssumptions, volumeAssumptions) = (pictures, volumes)
    }

    /// A setting that differs from another network's.
    struct Difference {
        /// In words: "voxel order RAS, not LPS".
        var text: String
        /// The option that gives both the same; nil if none does.
        var option: String?
    }

    /// The settings that differ from another network's; empty if both take the same input.
    func differences(from other: InputConvention) -> [Difference] {
        func range(_ scale: Float) -> String { "0…\(Int(scale))" }
        func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "none" }
        var found: [Difference] = []
        func compare(_ name: String, _ a: String, _ b: String, _ option: String? = nil) {
            if a != b { found.append(Difference(text: "\(name) \(a), not \(b)", option: option)) }
        }
        if let input, let theirs = other.input { compare("input", input.rawValue, theirs.rawValue) }
        compare("values of pictures", range(pictureScale), range(other.pictureScale), "--value-range")
        guard input != .pictures, other.input != .pictures else { return found }
        compare("values of volumes", range(volumeScale), range(other.volumeScale), "--value-range")
        compare("intensities", mapping, other.mapping, "--window")
        compare("voxel order", text(voxelOrder), text(other.voxelOrder), "--voxel-order")
        compare("fit of slices", "\(sliceFit)", "\(other.sliceFit)")
        compare("spacing", text(sliceSpacing?.text), text(other.sliceSpacing?.text))
        compare("neighbouring slices", "\(neighbors)", "\(other.neighbors)")
        compare("channels", text(channels?.joined(separator: ", ")), text(other.channels?.joined(separator: ", ")))
        return found
    }

    /// The mapping of a volume's channel.
    public func normalization(of channel: Int) -> Normalization {
        guard let normalizations, !normalizations.isEmpty else { return .window(window) }
        return normalizations[min(channel, normalizations.count - 1)]
    }

    /// The mapping of volumes' intensities, in a word: "zscore".
    public var mapping: String { normalizations.map { $0.map(\.description).joined(separator: "; ") } ?? window.description }
}
