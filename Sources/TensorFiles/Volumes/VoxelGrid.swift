import Files

/// The voxels of an image, onto which labels of another object are put.
package struct VoxelGrid {
    /// Slices, rows, columns.
    package let shape: [Int]
    /// From left, posterior, superior in millimetres to column, row, slice: three rows of four.
    private let inverse: [[Double]]
    /// Columns, rows, slices in left, posterior, superior.
    package let axes: PlacedAxes

    /// Throws for an image whose place is not known.
    package init(shape: [Int], geometry: VolumeGeometry) throws {
        guard let affine = geometry.millimetreAffine else {
            throw Fault(.unsupported, "cannot be laid onto an image whose place is not known", remedy: "give the image with its affine")
        }
        self.shape = shape
        axes = PlacedAxes(affine: affine, signs: PlacedAxes.leftPosterior)
        let (a, b, c) = (axes.columns[0], axes.columns[1], axes.columns[2])
        let determinant = PlacedAxes.dot(a, PlacedAxes.cross(b, c))
        guard determinant != 0, determinant.isFinite else {
            throw Fault(.corrupt, "cannot be laid onto an image whose axes do not span space")
        }
        let rows = [PlacedAxes.cross(b, c), PlacedAxes.cross(c, a), PlacedAxes.cross(a, b)].map { $0.map { $0 / determinant } }
        let origin = axes.origin
        inverse = rows.map { $0 + [-PlacedAxes.dot($0, origin)] }
    }

    /// Column, row and slice of a point, with fractions.
    package func voxel(_ point: [Double]) -> [Double] { inverse.map { $0[0] * point[0] + $0[1] * point[1] + $0[2] * point[2] + $0[3] } }

    /// Column, row and slice of a direction.
    package func steps(_ direction: [Double]) -> [Double] {
        inverse.map { $0[0] * direction[0] + $0[1] * direction[1] + $0[2] * direction[2] }
    }

    /// Column, row and slice of another volume's first voxel, whose voxels all coincide with some of
    /// these; nil for any other volume.
    package func place(of shape: [Int], _ geometry: VolumeGeometry) -> [Int]? {
        guard geometry.placesVoxels, let affine = geometry.millimetreAffine else { return nil }
        let other = PlacedAxes(affine: affine, signs: PlacedAxes.leftPosterior), lengths = [shape[2], shape[1], shape[0]]
        let start = voxel(other.origin), whole = start.map { $0.rounded() }
        guard zip(start, whole).allSatisfy({ $0.isFinite && abs($0) < 1e6 && abs($0 - $1) <= Self.rounding }) else { return nil }
        for axis in 0..<3 {
            // The last voxel along each axis, so that small differences of direction add up.
            let last = Double(max(lengths[axis] - 1, 1)), end = steps(other.columns[axis].map { $0 * last })
            for (row, value) in end.enumerated() {
                guard abs(value - (row == axis ? last : 0)) <= Self.rounding else { return nil }
            }
        }
        let first = whole.map { Int($0) }, sides = [self.shape[2], self.shape[1], self.shape[0]]
        let isInside = (0..<3).allSatisfy { first[$0] >= 0 && first[$0] + lengths[$0] <= sides[$0] }
        return isInside ? first : nil
    }

    /// The share of a voxel that headers may differ by, which round.
    private static let rounding = 0.1
}

/// The label of a voxel where several regions meet, and how often they do.
package struct LabelCanvas {
    /// A label for each voxel.
    package private(set) var labels: [UInt8]
    private var overlaps = 0

    /// Throws if there is no memory for them.
    package init(count: Int) throws {
        try Memory.ask(for: count)
        labels = [UInt8](repeating: 0, count: count)
    }

    /// Gives a voxel a label.
    package mutating func put(_ label: UInt8, at voxel: Int) {
        if labels[voxel] != 0, labels[voxel] != label { overlaps += 1 }
        labels[voxel] = label
    }

    /// A note if regions overlap: the later one is taken.
    package var notes: [String] { overlaps == 0 ? [] : ["\(overlaps) voxels belong to several regions: the last of them is taken"] }
}
