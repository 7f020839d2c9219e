import Files

extension VolumeSegmenter {
    /// Labels as ``segment(_:shape:voxelVolume:progress:)`` gives them, and the probability of each
    /// class but the background: for each class (slices, rows, columns), 0…255 for 0…1,
    /// interpolated bilinearly from the network's size.
    public func segmentWithProbabilities(
        _ intensities: [Float], shape: VolumeShape, progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> (labels: LabelVolume, probabilities: [[UInt8]]) {
        guard intensities.count == shape.count, shape.count > 0 else {
            throw VolumeError(
                operation: "volume segmentation", expected: "\(shape.count) intensities for \(shape)", got: "\(intensities.count)")
        }
        let area = shape.plane.count
        let found = try maps(
            shape: shape, plane: shape.plane, isTiled: isTiled, planes: { Array(intensities[$0 * area..<($0 + 1) * area]) }, shows: true,
            check: {}, progress: progress)
        return (found.labels, found.probabilities)
    }
}
