import Files
import TensorFiles

extension VolumeFile {
    /// A clause about the difference of another volume's voxels from these; nil if each voxel lies at
    /// the same place. Headers that do not place their voxels are not compared.
    func difference(from other: VolumeFile) -> String? {
        difference(shape: other.shape, geometry: other.geometry)
    }

    func difference(shape other: VolumeShape, geometry others: VolumeGeometry) -> String? {
        func text(_ shape: VolumeShape) -> String { "\(shape.width)×\(shape.height)×\(shape.depth)" }
        guard shape == other else { return "has \(text(other)) voxels, not \(text(shape))" }
        guard geometry.placesVoxels, others.placesVoxels, let mine = geometry.millimetreAffine, let its = others.millimetreAffine,
            let spacing
        else { return nil }
        let allowed = Self.misplacement * min(spacing.depth, spacing.height, spacing.width)
        var farthest = 0.0
        for corner in 0..<8 {
            let place: [Double] = [
                corner & 1 == 0 ? 0 : Double(shape.width - 1), corner & 2 == 0 ? 0 : Double(shape.height - 1),
                corner & 4 == 0 ? 0 : Double(shape.depth - 1), 1,
            ]
            let distance = (0..<3).reduce(0.0) { sum, row in
                let step = (0..<4).reduce(0.0) { $0 + (mine[row][$1] - its[row][$1]) * place[$1] }
                return sum + step * step
            }
            farthest = max(farthest, distance.squareRoot())
        }
        guard !(farthest <= allowed) else { return nil }
        return "lies elsewhere: a corner is \(fixedPoint(farthest, digits: 2)) mm away"
    }

    /// The share of a voxel that headers may differ by, which round.
    private static let misplacement = 0.1
}
