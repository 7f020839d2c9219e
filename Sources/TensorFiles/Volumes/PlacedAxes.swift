/// Voxel axes as vectors in millimetres, the fastest first, and the first voxel's centre: how NRRD,
/// MetaImage and DICOM place voxels.
package struct PlacedAxes: Sendable, Equatable {
    /// One vector of three numbers an axis; always three.
    package var columns: [[Double]]
    /// The centre of voxel (0, 0, 0).
    package var origin: [Double]

    /// Axes that are missing are put at right angles to those there are, one unit long.
    package init(_ columns: [[Double]], origin: [Double]) {
        var columns = columns
        if columns.count == 1 { columns.append(Self.perpendicular(to: columns[0])) }
        if columns.count == 2 { columns.append(Self.unit(Self.cross(columns[0], columns[1]))) }
        self.columns = columns
        self.origin = origin
    }

    /// Three rows of four, the rows of the world each times its sign: −1, −1, 1 from
    /// left-posterior-superior to right-anterior-superior.
    package func affine(signs: [Double]) -> [[Double]] {
        (0..<3).map { row in (columns.map { $0[row] } + [origin[row]]).map { $0 == 0 ? 0 : $0 * signs[row] } }
    }

    /// The axes of an affine of three rows of four, the rows of the world each times its sign.
    package init(affine: [[Double]], signs: [Double]) {
        columns = (0..<3).map { axis in (0..<3).map { affine[$0][axis] == 0 ? 0 : affine[$0][axis] * signs[$0] } }
        origin = (0..<3).map { affine[$0][3] == 0 ? 0 : affine[$0][3] * signs[$0] }
    }

    /// From left-posterior-superior to right-anterior-superior and back.
    package static let leftPosterior: [Double] = [-1, -1, 1]

    package static func length(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    package static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

    package static func cross(_ a: [Double], _ b: [Double]) -> [Double] {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    }

    /// One unit long; a vector of no length stays as it is.
    package static func unit(_ v: [Double]) -> [Double] {
        let length = length(v)
        return length > 0 ? v.map { $0 / length } : v
    }

    private static func perpendicular(to v: [Double]) -> [Double] {
        let least = (0..<3).min { abs(v[$0]) < abs(v[$1]) } ?? 0
        return unit(cross(v, (0..<3).map { $0 == least ? 1 : 0 }))
    }
}
