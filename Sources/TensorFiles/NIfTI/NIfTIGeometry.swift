/// Where a volume's voxels lie: the placement that a NIfTI header states, kept as it was read so that it can be written again.
public struct NIfTIGeometry: Sendable, Equatable {
    /// Distances between voxels along i, j, k (columns, rows, slices), in the file's unit, which is nearly always millimetres.
    public var spacing: [Double]
    /// NIfTI's codes for what the quaternion's and the matrix's coordinates refer to; 0 where there are none.
    public var quaternionCode: Int
    public var matrixCode: Int
    /// b, c, d of the unit quaternion, the offset, and the handedness (−1 or 1).
    public var quaternion: [Double]
    public var offset: [Double]
    public var handedness: Double
    /// Three rows of four: i, j, k, 1 to x (to the right), y (to the front), z (upwards).
    public var matrix: [[Double]]
    /// NIfTI's code of the units of space and time.
    public var units: Int

    /// A geometry of which only the spacing is known: columns, rows, slices in millimetres.
    public init(spacing: [Double]) {
        precondition(spacing.count == 3, "NIfTIGeometry: expected three spacings, got \(spacing.count)")
        self.spacing = spacing
        (quaternionCode, matrixCode, units) = (0, 0, 2)
        (quaternion, offset, handedness) = ([0, 0, 0], [0, 0, 0], 1)
        matrix = Array(repeating: [0, 0, 0, 0], count: 3)
    }

    /// Voxel (i, j, k, 1) to millimetres, three rows of four: the matrix where there is one, else the quaternion, else the spacing alone.
    public var affine: [[Double]] {
        if matrixCode > 0 { return matrix }
        guard quaternionCode > 0 else {
            return (0..<3).map { row in (0..<4).map { $0 == row ? spacing[row] : 0 } }
        }
        let (b, c, d) = (quaternion[0], quaternion[1], quaternion[2])
        let a = max(0, 1 - (b * b + c * c + d * d)).squareRoot()
        let rotation = [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
        let scale = [spacing[0], spacing[1], spacing[2] * handedness]
        return (0..<3).map { row in (0..<3).map { rotation[row][$0] * scale[$0] } + [offset[row]] }
    }

    /// Distances in millimetres between neighbouring slices, rows and columns, by the affine: the length of its columns.
    ///
    /// Nil where the header gives none that is positive.
    public var voxelSize: (depth: Double, height: Double, width: Double)? {
        let affine = affine
        let unit = units & 7 == 1 ? 1000.0 : units & 7 == 3 ? 0.001 : 1  // metres, micrometres; otherwise millimetres
        let lengths = (0..<3).map { axis -> Double in unit * Self.length(affine, axis: axis) }
        guard lengths.allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
        return (lengths[2], lengths[1], lengths[0])
    }

    /// The directions in which i, j and k grow, for instance `RAS` (right, anterior, superior) or `LPS`.
    public var orientation: String {
        let affine = affine
        var free: Set = [0, 1, 2]
        var letters = [Character](repeating: "?", count: 3)
        // The clearest axis chooses first.
        let order = (0..<3).sorted { clarity(affine, axis: $0) > clarity(affine, axis: $1) }
        for axis in order {
            guard let world = free.sorted().max(by: { abs(affine[$0][axis]) < abs(affine[$1][axis]) }), affine[world][axis] != 0 else {
                continue
            }
            free.remove(world)
            letters[axis] = Array(affine[world][axis] > 0 ? "RAS" : "LPI")[world]
        }
        return String(letters)
    }

    /// How nearly a voxel axis follows one axis of the world.
    private func clarity(_ affine: [[Double]], axis: Int) -> Double {
        let length = Self.length(affine, axis: axis)
        let largest = affine.map { abs($0[axis]) }.max() ?? 0
        return length > 0 ? largest / length : 0
    }

    /// Millimetres that one step along a voxel axis takes.
    private static func length(_ affine: [[Double]], axis: Int) -> Double {
        var sum = 0.0
        for row in affine { sum += row[axis] * row[axis] }
        return sum.squareRoot()
    }
}

/// A NIfTI image of one volume.
public struct NIfTIVolume: Sendable, Equatable {
    /// Voxels as they are stored, of shape (slices k, rows j, columns i).
    public var voxels: HostTensor
    /// Values are slope · voxel + intercept; 1 and 0 where the file does not scale.
    public var slope: Double
    public var intercept: Double
    public var geometry: NIfTIGeometry
    /// Free text in the header, at most 79 bytes; written, not read.
    public var description: String

    public init(voxels: HostTensor, slope: Double = 1, intercept: Double = 0, geometry: NIfTIGeometry, description: String = "") {
        self.voxels = voxels
        self.slope = slope
        self.intercept = intercept
        self.geometry = geometry
        self.description = description
    }

    /// Values in the image's unit, of shape (slices, rows, columns), row-major.
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
