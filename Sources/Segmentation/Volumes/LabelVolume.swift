import Files

/// A volume's extents in voxels: slices, rows, columns (contiguous along columns).
public struct VolumeShape: Sendable, Codable, Hashable, CustomStringConvertible {
    /// Slices.
    public let depth: Int
    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int

    /// An extent in slices, rows and columns.
    public init(depth: Int, height: Int, width: Int) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// Voxels.
    public var count: Int { depth * height * width }
    /// The extent of a slice.
    public var plane: PlaneSize { PlaneSize(height: height, width: width) }
    /// "10×512×512": slices, rows, columns.
    public var description: String { "\(depth)×\(height)×\(width)" }
}

/// The distance between neighbouring voxels along each axis, in millimetres, or 1 to count in
/// voxels.
public struct VoxelSpacing: Sendable, Codable, Hashable {
    /// Between slices.
    public let depth: Double
    /// Between rows.
    public let height: Double
    /// Between columns.
    public let width: Double

    /// Distances between slices, rows and columns.
    public init(depth: Double, height: Double, width: Double) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// Distances counted in voxels, as in published scores.
    public static let voxels = VoxelSpacing(depth: 1, height: 1, width: 1)

    /// Cubic millimetres of a voxel.
    package var voxelVolume: Double { depth * height * width }

    var isUsable: Bool { [depth, height, width].allSatisfy { $0.isFinite && $0 > 0 } }
}

/// A volume that does not fit an operation.
public struct VolumeError: UserError, Equatable {
    /// The operation that failed.
    public let operation: String
    /// The values it needs.
    public let expected: String
    /// The values it was given.
    public let got: String

    /// An operation that was given values it cannot use.
    public init(operation: String, expected: String, got: String) {
        self.operation = operation
        self.expected = expected
        self.got = got
    }

    /// The ``operation``.
    public var subject: String { operation }
    /// The expected and the actual value.
    public var problem: String { "expected \(expected), got \(got)" }
    /// Empty: the problem names the expected values.
    public var remedy: String { "" }
}

/// Class numbers 0…255 of every voxel, row-major (depth, height, width); 0 is background.
public struct LabelVolume: Sendable, Equatable {
    /// The extent in voxels.
    public let shape: VolumeShape
    /// One label per voxel, row-major (slices, rows, columns).
    public let labels: [UInt8]

    /// The longest axis for distances; NIfTI-1 has the same limit.
    public static let largestExtent = 32_767

    /// Checks that every extent is 1…32767 and that the labels fill the shape; throws `VolumeError`
    /// otherwise.
    public init(shape: VolumeShape, labels: [UInt8]) throws(VolumeError) {
        let extents = [shape.depth, shape.height, shape.width]
        guard extents.allSatisfy({ (1...Self.largestExtent).contains($0) }) else {
            throw VolumeError(operation: "label volume", expected: "extents of 1…\(Self.largestExtent) voxels", got: "\(shape)")
        }
        guard labels.count == shape.count else {
            throw VolumeError(operation: "label volume", expected: "\(shape.count) labels for \(shape)", got: "\(labels.count)")
        }
        self.shape = shape
        self.labels = labels
    }

    /// The labels of one slice, row-major (height, width).
    public func slice(_ index: Int) -> [UInt8] {
        Array(labels[index * shape.plane.count..<(index + 1) * shape.plane.count])
    }

    /// This volume with background wherever `truth`, of equal shape, has the label `ignored`, so
    /// that no class is found or missed there.
    package func leavingOut(_ ignored: UInt8?, of truth: LabelVolume) throws(VolumeError) -> LabelVolume {
        guard let ignored, truth.shape == shape, truth.labels.contains(ignored) else { return self }
        return try LabelVolume(shape: shape, labels: zip(labels, truth.labels).map { $1 == ignored ? 0 : $0 })
    }

    /// 1 at voxels with one of these labels, otherwise 0.
    func merging(_ members: Set<UInt8>) throws(VolumeError) -> LabelVolume {
        let isMember = (0..<256).map { members.contains(UInt8($0)) ? UInt8(1) : 0 }
        return try LabelVolume(shape: shape, labels: labels.map { isMember[Int($0)] })
    }
}
