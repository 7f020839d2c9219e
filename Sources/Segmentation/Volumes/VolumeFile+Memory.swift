import TensorFiles

extension VolumeFile {
    /// A volume in memory. Intensities are in the scanner's unit: (slices, rows, columns),
    /// row-major.
    ///
    /// `affine` places the voxels: three rows of four that take (column, row, slice, 1) to
    /// millimetres to the right, to the front and up, as in NIfTI. Without it the volume keeps its
    /// stored order.
    ///
    /// - Throws: ``DataError`` if there are not as many intensities as the shape has voxels, if one
    ///   is not finite, or if the affine places no voxels.
    public init(intensities: [Float], shape: VolumeShape, affine: [[Double]]? = nil) throws(DataError) {
        let name = "a volume in memory"
        let extents = [shape.depth, shape.height, shape.width]
        guard HostTensor.elementCount(shape: extents) == intensities.count, !intensities.isEmpty,
            extents.allSatisfy({ $0 <= LabelVolume.largestExtent })
        else {
            throw DataError(
                .shape, path: name, "has \(intensities.count) intensities for \(shape) voxels",
                remedy: "Give one for each voxel, of at most \(LabelVolume.largestExtent) slices, rows and columns.")
        }
        guard intensities.allSatisfy(\.isFinite) else {
            throw DataError(
                .unreadable, path: name, "holds values that are not finite numbers (NaN or infinity)",
                remedy: "Replace them by the value of the background.")
        }
        var geometry = VolumeGeometry(spacing: [1, 1, 1])
        if let affine {
            guard affine.count == 3, affine.allSatisfy({ $0.count == 4 && $0.allSatisfy(\.isFinite) }),
                VolumeGeometry(affine: affine).placesVoxels
            else {
                throw DataError(
                    .shape, path: name, "its affine places no voxels",
                    remedy: "Give three rows of four numbers whose columns point in different directions.")
            }
            geometry = VolumeGeometry(affine: affine)
        } else {
            (geometry.quaternionCode, geometry.matrixCode) = (0, 0)
        }
        self.init(
            voxels: HostTensor(intensities, shape: extents), slope: 1, intercept: 0, shape: shape, geometry: geometry, isNormalized: false)
    }
}
