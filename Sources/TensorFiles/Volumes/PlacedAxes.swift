/// Voxel axes as vectors in millimetres, fastest first, and the first voxel's centre, as in NRRD,
/// MetaImage and DICOM.
package struct PlacedAxes: Sendable, Equatable {
    /// A vector of three numbers for each axis; always three vectors.
    package var columns: [[Double]]
    /// The centre of voxel (0, 0, 0).
    package var origin: [Double]

    /// Missing axes are added perpendicular to the others, one unit long.
    package init(_ columns: [[Double]], origin: [Double]) {
        var columns = columns
        if columns.count == 1 { columns.append(Self.perpendicular(to: columns[0])) }
        if columns.count == 2 { columns.append(Self.unit(Self.cross(columns[0], columns[1]))) }
        self.columns = columns
        self.origin = origin
    }

    /// Three rows of four, with each row times its sign: −1, −1, 1 turn left-posterior-superior to
    /// right-anterior-superior.
    package func affine(signs: [Double]) -> [[Double]] {
        (0..<3).map { row in
            let numbers: [Double] = columns.map { $0[row] } + [origin[row]]
            return numbers.map { Self.signed($0, signs[row]) }
        }
    }

    /// The axes of an affine of three rows of four, with each row times its sign.
    package init(affine: [[Double]], signs: [Double]) {
        columns = (0..<3).map { axis in Self.column(axis, of: affine, signs) }
        origin = Self.column(3, of: affine, signs)
    }

    private static func column(_ axis: Int, of affine: [[Double]], _ signs: [Double]) -> [Double] {
        (0..<3).map { row in signed(affine[row][axis], signs[row]) }
    }

    /// The product, without a negative zero.
    private static func signed(_ value: Double, _ sign: Double) -> Double { value == 0 ? 0 : value * sign }

    /// Turns left-posterior-superior to right-anterior-superior and back.
    package static let leftPosterior: [Double] = [-1, -1, 1]

    package static func length(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    package static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

    package static func cross(_ a: [Double], _ b: [Double]) -> [Double] {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    }

    /// One unit long; a zero vector stays unchanged.
    package static func unit(_ v: [Double]) -> [Double] {
        let length = length(v)
        return length > 0 ? v.map { $0 / length } : v
    }

    private static func perpendicular(to v: [Double]) -> [Double] {
        let least = (0..<3).min { abs(v[$0]) < abs(v[$1]) } ?? 0
        return unit(cross(v, (0..<3).map { $0 == least ? 1 : 0 }))
    }
}
