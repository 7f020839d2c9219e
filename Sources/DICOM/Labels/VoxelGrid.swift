import Files
import TensorFiles

/// The voxels of an image, onto which labels of another object are put.
struct VoxelGrid {
    let shape: [Int]
    /// From left, posterior, superior in millimetres to column, row, slice: three rows of four.
    private let inverse: [[Double]]
    /// Columns, rows, slices in left, posterior, superior.
    let axes: PlacedAxes

    init(shape: [Int], geometry: VolumeGeometry) throws {
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
    func voxel(_ point: [Double]) -> [Double] { inverse.map { $0[0] * point[0] + $0[1] * point[1] + $0[2] * point[2] + $0[3] } }

    /// Column, row and slice of a direction.
    func steps(_ direction: [Double]) -> [Double] { inverse.map { $0[0] * direction[0] + $0[1] * direction[1] + $0[2] * direction[2] } }
}

/// The label of a voxel where several regions meet, and how often they do.
struct LabelCanvas {
    private(set) var labels: [UInt8]
    private(set) var overlaps = 0

    init(count: Int) throws {
        try Memory.ask(for: count)
        labels = [UInt8](repeating: 0, count: count)
    }

    mutating func put(_ label: UInt8, at voxel: Int) {
        if labels[voxel] != 0, labels[voxel] != label { overlaps += 1 }
        labels[voxel] = label
    }

    /// A note if regions overlap: the later one is taken.
    var notes: [String] { overlaps == 0 ? [] : ["\(overlaps) voxels belong to several regions: the last of them is taken"] }
}
