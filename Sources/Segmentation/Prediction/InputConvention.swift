/// How a network wants its input, with the reasons: from the weights' metadata, from options that override it, or assumed.
public struct InputConvention: Sendable, Equatable {
    /// Pictures or volumes; nil where the weights do not say.
    public let input: WeightsMetadata.Input?
    /// The greatest value of the input made from a picture, and from a volume: 255 or 1.
    public let pictureScale: Float, volumeScale: Float
    /// The window that volumes are mapped by; ``IntensityWindow/percentiles`` where nobody says.
    public let window: IntensityWindow
    /// The order that volumes are turned to; nil leaves them as they are stored.
    public let voxelOrder: VoxelOrder?
    /// What was assumed for pictures, each with the option that changes it.
    public let pictureAssumptions: [String]
    /// What was assumed for volumes, each with the option that changes it.
    public let volumeAssumptions: [String]

    /// What the command line says, which goes before what the weights say.
    public struct Options: Sendable, Equatable {
        /// The window that volumes are mapped by.
        public var window: IntensityWindow?
        /// The order that volumes are turned to.
        public var voxelOrder: VoxelOrder?
        /// Leaves volumes as they are stored, whatever the weights say.
        public var keepsStoredOrder = false
        /// The greatest value of the input: 255 or 1.
        public var scale: Float?

        /// All as the weights say.
        public init() {}
    }

    /// Takes options first, then metadata, then what suits most weights.
    public init(_ metadata: WeightsMetadata, options: Options = Options()) {
        input = metadata.input
        var (pictures, volumes): ([String], [String]) = ([], [])
        if let scale = options.scale ?? metadata.valueRange.map({ Float($0.upperBound) }) {
            (pictureScale, volumeScale) = (scale, scale)
        } else {
            (pictureScale, volumeScale) = (255, 1)
            pictures.append("values 0…255 (--value-range 0,1 for others)")
            volumes.append("values 0…1 (--value-range 0,255 for others)")
        }
        if let window = options.window ?? metadata.window {
            self.window = window
        } else {
            window = .percentiles
            volumes.append("intensities from the 0.5th to the 99.5th percentile (--window LOW,HIGH)")
        }
        voxelOrder = options.keepsStoredOrder ? nil : options.voxelOrder ?? metadata.voxelOrder
        if voxelOrder == nil, !options.keepsStoredOrder {
            volumes.append("voxels in the order that they are stored in (--voxel-order RAS)")
        }
        (pictureAssumptions, volumeAssumptions) = (pictures, volumes)
    }
}
