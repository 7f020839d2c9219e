import Imaging
import TensorFiles

/// A volume with its labels drawn on it: three planes through the labels' largest extent,
/// then some slices, in millimetres.
package enum VolumePreview {
    /// Planes are shown as radiologists look at them: front above, head above, the patient's right
    /// on the left.
    ///
    /// - Parameters:
    ///   - intensities: (slices, rows, columns); 0 is black, `white` and above is white.
    ///   - order: the directions of columns, rows and slices; nil shows them as they are stored.
    ///   - spacing: millimetres; nil takes voxels for cubes.
    ///   - slices: slices beside the three planes at most.
    package static func draw(
        _ labels: LabelVolume, on intensities: [Float], white: Float = 1, order: VoxelOrder?, spacing: VoxelSpacing?, slices: Int = 6,
        cellSize: Int = 256
    ) throws -> Picture {
        precondition(intensities.count == labels.shape.count, "VolumePreview: \(intensities.count) intensities for \(labels.shape)")
        let turn = order.flatMap { order in VoxelOrder("LPS").map { order.turn(to: $0) } } ?? .none
        let shape = turn.applied(to: labels.shape)
        let view = View(
            intensities: turn.applied(to: intensities, labels.shape), labels: turn.applied(to: labels.labels, labels.shape), shape: shape,
            spacing: turn.applied(to: spacing ?? .voxels), white: white, cellSize: cellSize)
        let center = view.largestExtents
        var cells = try [
            ContactSheet.Cell(
                view.plane(.axial, center.z), caption: "\(order == nil ? "slice" : "axial") \(center.z + 1) of \(shape.depth)"),
            ContactSheet.Cell(
                view.plane(.coronal, center.y), caption: "\(order == nil ? "row" : "coronal") \(center.y + 1) of \(shape.height)"),
            ContactSheet.Cell(
                view.plane(.sagittal, center.x), caption: "\(order == nil ? "column" : "sagittal") \(center.x + 1) of \(shape.width)"),
        ]
        for z in view.slicesToShow(slices) {
            cells.append(.init(try view.plane(.axial, z), caption: "slice \(z + 1) of \(shape.depth)"))
        }
        return ContactSheet(cells: cells, columns: 3, cellSize: cellSize, isDark: true).render()
    }

    private enum Plane { case axial, coronal, sagittal }

    private struct View {
        let intensities: [Float]
        let labels: [UInt8]
        let shape: VolumeShape
        let spacing: VoxelSpacing
        let white: Float
        let cellSize: Int

        /// Along each axis, the plane with the most labelled voxels; the middle one if there are
        /// none.
        var largestExtents: (x: Int, y: Int, z: Int) {
            var (x, y, z) = (
                [Int](repeating: 0, count: shape.width), [Int](repeating: 0, count: shape.height), [Int](repeating: 0, count: shape.depth)
            )
            var voxel = 0
            for k in 0..<shape.depth {
                for j in 0..<shape.height {
                    for i in 0..<shape.width {
                        if labels[voxel] != 0 { (x[i], y[j], z[k]) = (x[i] + 1, y[j] + 1, z[k] + 1) }
                        voxel += 1
                    }
                }
            }
            func largest(_ counts: [Int]) -> Int {
                let most = counts.max() ?? 0
                return most == 0 ? counts.count / 2 : counts.firstIndex(of: most) ?? 0
            }
            return (largest(x), largest(y), largest(z))
        }

        /// Slices spread evenly over those that have labels; over the whole volume if none has.
        func slicesToShow(_ count: Int) -> [Int] {
            let area = shape.plane.count
            let labelled = (0..<shape.depth).filter { slice in labels[slice * area..<(slice + 1) * area].contains { $0 != 0 } }
            let from = labelled.isEmpty ? Array(0..<shape.depth) : labelled
            let used = min(count, from.count)
            return used <= 1 ? (used == 1 ? [from[from.count / 2]] : []) : (0..<used).map { from[$0 * (from.count - 1) / (used - 1)] }
        }

        /// One plane with its labels, scaled so that a millimetre is as long down as across.
        func plane(_ plane: Plane, _ index: Int) throws -> Picture {
            let (W, H, A) = (shape.width, shape.height, shape.plane.count)
            let (rows, columns, height, width): (Int, Int, Double, Double) =
                switch plane {
                case .axial: (H, W, spacing.height, spacing.width)
                case .coronal: (shape.depth, W, spacing.depth, spacing.width)
                case .sagittal: (shape.depth, H, spacing.depth, spacing.height)
                }
            var (grey, mask) = ([UInt8](repeating: 0, count: rows * columns), [UInt8](repeating: 0, count: rows * columns))
            for r in 0..<rows {
                for c in 0..<columns {
                    // The head is above, and slices grow upwards.
                    let voxel =
                        switch plane {
                        case .axial: index * A + r * W + c
                        case .coronal: (rows - 1 - r) * A + index * W + c
                        case .sagittal: (rows - 1 - r) * A + c * W + index
                        }
                    grey[r * columns + c] = UInt8((min(max(intensities[voxel] / white, 0), 1) * 255).rounded())
                    mask[r * columns + c] = labels[voxel]
                }
            }
            let millimetres = (height: Double(rows) * height, width: Double(columns) * width)
            let scale = Double(cellSize) / max(millimetres.height, millimetres.width)
            let size = (
                height: max(1, Int((millimetres.height * scale).rounded())), width: max(1, Int((millimetres.width * scale).rounded()))
            )
            let picture = Picture(width: columns, height: rows, channels: 1, pixels: grey)
            let smooth = Resize.bilinear(picture, to: size).map { UInt8(min(max($0, 0), 255).rounded()) }
            let shown = Picture(width: size.width, height: size.height, channels: 1, pixels: smooth)
            let labelled = Resize.nearest(Picture(width: columns, height: rows, channels: 1, pixels: mask), to: size)
            return try Overlay.draw(labelled, on: shown)
        }
    }
}
