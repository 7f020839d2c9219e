/// A volume in memory, with its place in space.
public struct VolumeImage: Sendable, Equatable {
    /// Voxels as they are stored, of shape (slices k, rows j, columns i); with the channels before where there are several.
    public var voxels: HostTensor
    /// Values are slope · voxel + intercept; 1 and 0 where the file does not scale.
    public var slope: Double
    /// See ``slope``.
    public var intercept: Double
    /// Where the voxels lie.
    public var geometry: VolumeGeometry
    /// Free text in the header, of which 79 bytes fit: for instance which program wrote the file. Written, not read.
    public var description: String
    /// What is odd about the file, a clause each without a full stop: to be shown to the user once.
    public var notes: [String] = []

    /// A volume of voxels of shape (slices, rows, columns), or (channels, slices, rows, columns).
    public init(voxels: HostTensor, slope: Double = 1, intercept: Double = 0, geometry: VolumeGeometry, description: String = "") {
        self.voxels = voxels
        self.slope = slope
        self.intercept = intercept
        self.geometry = geometry
        self.description = description
    }

    /// Values in the image's unit, row-major.
    public var values: [Float] {
        guard slope != 1 || intercept != 0 else { return voxels.floats }
        return voxels.doubles.map { Float(slope * $0 + intercept) }
    }

    /// Values as labels 0…255, row-major; nil where one is no such number.
    public var labels: [UInt8]? {
        if voxels.elementType == .uint8, slope == 1, intercept == 0 { return voxels.bytes }
        let values = slope == 1 && intercept == 0 ? voxels.doubles : voxels.doubles.map { slope * $0 + intercept }
        let labels = values.map { UInt8(exactly: $0) }
        return labels.contains(nil) ? nil : labels.compactMap { $0 }
    }
}

/// What a volume's header says, known before the voxels are read.
public struct VolumeHeader: Sendable, Equatable {
    /// Slices, rows, columns.
    public var shape: [Int]
    /// Volumes in the file: channels or points in time.
    public var channels: Int
    /// The type that voxels are stored in.
    public var elementType: ElementType
    /// Values are slope · voxel + intercept.
    public var slope: Double
    /// See ``slope``.
    public var intercept: Double
    /// Where the voxels lie.
    public var geometry: VolumeGeometry
    /// What is odd about the header, a clause each without a full stop.
    public var notes: [String]

    /// Voxels in all, nil where their number is out of range.
    public var count: Int? { HostTensor.elementCount(shape: [channels] + shape) }
}

/// The former name of ``VolumeImage``.
public typealias NIfTIVolume = VolumeImage
/// The former name of ``VolumeGeometry``.
public typealias NIfTIGeometry = VolumeGeometry
