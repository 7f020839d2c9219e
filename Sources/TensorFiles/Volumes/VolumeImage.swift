/// A volume in memory, with its place in space.
public struct VolumeImage: Sendable, Equatable {
    /// Voxels as stored, of shape (slices k, rows j, columns i), preceded by the channels if there
    /// are several.
    public var voxels: HostTensor
    /// Values are slope · voxel + intercept; 1 and 0 if the file has no scaling.
    public var slope: Double
    /// See ``slope``.
    public var intercept: Double
    /// The voxels' placement.
    public var geometry: VolumeGeometry
    /// Free text for the header, at most 79 bytes, such as the writing program. Written, not read.
    public var description: String
    /// Notes on the file's oddities: clauses without a full stop, to show to the user once.
    public var notes: [String] = []

    /// A volume from voxels of shape (slices, rows, columns) or (channels, slices, rows, columns).
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

    /// Values as labels 0…255, row-major; nil if a value is not one.
    public var labels: [UInt8]? {
        if voxels.elementType == .uint8, slope == 1, intercept == 0 { return voxels.bytes }
        let values = slope == 1 && intercept == 0 ? voxels.doubles : voxels.doubles.map { slope * $0 + intercept }
        let labels = values.map { UInt8(exactly: $0) }
        return labels.contains(nil) ? nil : labels.compactMap { $0 }
    }
}

/// A volume's header, read before the voxels.
public struct VolumeHeader: Sendable, Equatable {
    /// Slices, rows, columns.
    public var shape: [Int]
    /// Volumes in the file: channels or points in time.
    public var channels: Int
    /// The stored type of voxels.
    public var elementType: ElementType
    /// Values are slope · voxel + intercept.
    public var slope: Double
    /// See ``slope``.
    public var intercept: Double
    /// The voxels' placement.
    public var geometry: VolumeGeometry
    /// Notes on the header's oddities, clauses without a full stop.
    public var notes: [String]

    /// The number of voxels; nil if it overflows.
    public var count: Int? { HostTensor.elementCount(shape: [channels] + shape) }
}
