/// The placement of a volume's voxels, in NIfTI's terms, kept as read so that it can be written
/// again.
public struct VolumeGeometry: Sendable, Equatable {
    /// Distances between voxels along i, j, k (columns, rows, slices), in the file's unit, which is
    /// nearly always millimetres.
    public var spacing: [Double]
    /// NIfTI's code for the quaternion's coordinate system; 0 if there is no quaternion.
    public var quaternionCode: Int
    /// NIfTI's code for the matrix's coordinate system; 0 if there is no matrix.
    public var matrixCode: Int
    /// b, c, d of the unit quaternion.
    public var quaternion: [Double]
    /// The offset that belongs to the quaternion.
    public var offset: [Double]
    /// The handedness that belongs to the quaternion: −1 or 1.
    public var handedness: Double
    /// Three rows of four: (i, j, k, 1) to x (right), y (front), z (up).
    public var matrix: [[Double]]
    /// NIfTI's code of the units of space and time.
    public var units: Int
    /// False if the file gives no size of its voxels, and ``spacing`` only stands for one.
    public var isSizeKnown = true
    /// The file's number of axes: 2 for a single picture, otherwise 3.
    public var axes = 3

    /// A geometry with a known spacing only: columns, rows, slices in millimetres.
    ///
    /// Its code declares i to the right, j to the front, k up: without a code, readers disagree on
    /// left and right.
    public init(spacing: [Double]) {
        precondition(spacing.count == 3, "VolumeGeometry: expected three spacings, got \(spacing.count)")
        self.spacing = spacing
        (quaternionCode, matrixCode, units) = (Self.aligned, Self.aligned, 2)
        (quaternion, offset, handedness) = ([0, 0, 0], [0, 0, 0], 1)
        matrix = (0..<3).map { row in (0..<4).map { $0 == row ? spacing[row] : 0 } }
    }

    /// The geometry of a file that gives its voxels no size and no place: one unit apart, in no unit.
    static let unknown = {
        var geometry = VolumeGeometry(spacing: [1, 1, 1])
        (geometry.quaternionCode, geometry.matrixCode, geometry.units) = (0, 0, 0)
        geometry.isSizeKnown = false
        return geometry
    }()

    /// The note on a file whose ``voxelSize`` is nil.
    static let sizelessNote = "its header gives no voxel size"

    /// A geometry from an affine, three rows of four: voxel (i, j, k, 1) to millimetres.
    public init(affine: [[Double]], code: Int = 1) {
        precondition(affine.count == 3 && affine.allSatisfy { $0.count == 4 }, "VolumeGeometry: expected three rows of four")
        // A file may claim vectors so long that their length is beyond the range of numbers.
        self.init(
            spacing: (0..<3).map { axis in
                let length = Self.length(affine, axis: axis)
                return length.isFinite ? length : 1
            })
        isSizeKnown = (0..<3).allSatisfy { Self.length(affine, axis: $0).isFinite }
        (matrix, matrixCode) = (affine, code)
        offset = affine.map { $0[3] }
        guard let rotation = Self.rotation(affine) else {
            // Sheared voxels have no quaternion.
            quaternionCode = 0
            return
        }
        quaternionCode = code
        (quaternion, handedness) = (rotation.quaternion, rotation.handedness)
    }

    /// NIfTI's codes for the scanner's coordinates and for another file's.
    static let (scanner, aligned) = (1, 2)

    /// The unit quaternion (b, c, d) of an affine with perpendicular axes, and −1 if k is reversed
    /// for it.
    private static func rotation(_ affine: [[Double]]) -> (quaternion: [Double], handedness: Double)? {
        var r = (0..<3).map { row in
            (0..<3).map { column in affine[row][column] / max(length(affine, axis: column), .leastNormalMagnitude) }
        }
        for a in 0..<3 {
            for b in 0..<3 {
                let dot = (0..<3).reduce(0) { $0 + r[$1][a] * r[$1][b] }
                guard abs(dot - (a == b ? 1 : 0)) < 1e-5 else { return nil }
            }
        }
        let determinant =
            r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) - r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0])
            + r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0])
        let handedness: Double = determinant < 0 ? -1 : 1
        for row in 0..<3 { r[row][2] *= handedness }
        // Shepperd's method: of the four divisors, take the largest.
        let trace = r[0][0] + r[1][1] + r[2][2]
        var (a, b, c, d) = (1 + trace, 1 + 2 * r[0][0] - trace, 1 + 2 * r[1][1] - trace, 1 + 2 * r[2][2] - trace)
        switch [a, b, c, d].max() {
        case a:
            a = a.squareRoot() / 2
            (b, c, d) = ((r[2][1] - r[1][2]) / (4 * a), (r[0][2] - r[2][0]) / (4 * a), (r[1][0] - r[0][1]) / (4 * a))
        case b:
            b = b.squareRoot() / 2
            (a, c, d) = ((r[2][1] - r[1][2]) / (4 * b), (r[0][1] + r[1][0]) / (4 * b), (r[0][2] + r[2][0]) / (4 * b))
        case c:
            c = c.squareRoot() / 2
            (a, b, d) = ((r[0][2] - r[2][0]) / (4 * c), (r[0][1] + r[1][0]) / (4 * c), (r[1][2] + r[2][1]) / (4 * c))
        default:
            d = d.squareRoot() / 2
            (a, b, c) = ((r[1][0] - r[0][1]) / (4 * d), (r[0][2] + r[2][0]) / (4 * d), (r[1][2] + r[2][1]) / (4 * d))
        }
        // NIfTI derives a from the others and takes it as positive.
        return (a < 0 ? [-b, -c, -d] : [b, c, d], handedness)
    }

    /// True if the matrix's three axes span space. Some writers leave zeros, which place nothing.
    var hasUsableMatrix: Bool {
        let m = matrix
        guard m.joined().allSatisfy(\.isFinite), (0..<3).allSatisfy({ Self.length(m, axis: $0).isFinite }) else { return false }
        let determinant =
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        return determinant != 0 && determinant.isFinite
    }

    /// True if b, c and d can belong to a unit quaternion, within single precision.
    var hasUsableQuaternion: Bool {
        let square = quaternion.reduce(0) { $0 + $1 * $1 }
        return square.isFinite && square <= 1 + 1e-5 && offset.allSatisfy(\.isFinite)
    }

    /// True if the header places the voxels by a usable matrix or quaternion. Otherwise the
    /// directions of the axes are unknown.
    public var placesVoxels: Bool { (matrixCode > 0 && hasUsableMatrix) || (quaternionCode > 0 && hasUsableQuaternion) }

    /// The geometry without a matrix or quaternion that is unusable: other readers refuse files
    /// that repeat one.
    public var withoutUnusablePlacement: VolumeGeometry {
        var geometry = self
        if !hasUsableMatrix { (geometry.matrixCode, geometry.matrix) = (0, [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]) }
        if !hasUsableQuaternion { (geometry.quaternionCode, geometry.quaternion, geometry.offset) = (0, [0, 0, 0], [0, 0, 0]) }
        return geometry
    }

    /// Voxel (i, j, k, 1) to the file's unit, three rows of four: the matrix if usable, else the
    /// quaternion, else only the spacing.
    public var affine: [[Double]] {
        if matrixCode > 0, hasUsableMatrix { return matrix }
        guard quaternionCode > 0, hasUsableQuaternion else {
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

    /// Distances in millimetres between neighbouring slices, rows and columns: the lengths of the
    /// affine's columns.
    ///
    /// Nil unless the file gives them and all are positive.
    public var voxelSize: (depth: Double, height: Double, width: Double)? {
        guard isSizeKnown else { return nil }
        let affine = affine
        let unit = units & 7 == 1 ? 1000.0 : units & 7 == 3 ? 0.001 : 1  // metres, micrometres; otherwise millimetres
        let lengths = (0..<3).map { axis -> Double in unit * Self.length(affine, axis: axis) }
        guard lengths.allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
        return (lengths[2], lengths[1], lengths[0])
    }

    /// The directions in which i, j and k increase, such as `RAS` (right, anterior, superior) or
    /// `LPS`.
    public var orientation: String {
        let affine = affine
        var free: Set = [0, 1, 2]
        var letters = [Character](repeating: "?", count: 3)
        // The axis with the clearest direction chooses first.
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

    /// The share of a voxel axis's length along its closest world axis.
    private func clarity(_ affine: [[Double]], axis: Int) -> Double {
        let length = Self.length(affine, axis: axis)
        let largest = affine.map { abs($0[axis]) }.max() ?? 0
        return length > 0 ? largest / length : 0
    }

    /// Millimetres per step along a voxel axis.
    static func length(_ affine: [[Double]], axis: Int) -> Double {
        var sum = 0.0
        for row in affine { sum += row[axis] * row[axis] }
        return sum.squareRoot()
    }
}
