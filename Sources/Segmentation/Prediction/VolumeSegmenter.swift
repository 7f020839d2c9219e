/// Segments volumes with a trained network, slice by slice: resized by a cubic spline to the network's size, the labels resized back by nearest pixel (SPEC §3).
public struct VolumeSegmenter: Sendable {
    public let network: any InferenceNetwork
    /// What the network sees.
    public let networkSize: PlaneSize
    /// Slices in one forward pass.
    public let batchSize: Int
    private let threshold: Float

    /// Takes network, size, threshold and precision from `segmenter`.
    public init(_ segmenter: Segmenter, batchSize: Int = 8) {
        precondition(batchSize > 0, "VolumeSegmenter: a batch has at least one slice")
        network = segmenter.network
        networkSize = PlaneSize(height: segmenter.imageSize, width: segmenter.imageSize)
        self.batchSize = batchSize
        threshold = segmenter.threshold
    }

    /// Labels of a volume of intensities as the network was trained on, (slices, rows, columns); of a binary network 0 and 1.
    ///
    /// - Parameters:
    ///   - progress: is told how many slices are done.
    /// Throws `VolumeError` where there are not as many intensities as the shape has voxels, or an extent is out of range.
    public func segment(_ intensities: [Float], shape: VolumeShape, progress: (_ slices: Int) -> Void = { _ in }) throws -> LabelVolume {
        guard intensities.count == shape.count, shape.count > 0 else {
            throw VolumeError(
                operation: "volume segmentation", expected: "\(shape.count) intensities for \(shape)", got: "\(intensities.count)")
        }
        let resizer = SliceResizer(slice: shape.plane, network: networkSize)
        let (area, networkArea) = (shape.plane.count, networkSize.count)
        var labels: [UInt8] = []
        labels.reserveCapacity(shape.count)
        for start in stride(from: 0, to: shape.depth, by: batchSize) {
            let count = min(batchSize, shape.depth - start)
            let planes = Parallel.map(count) { resizer.prepare(Array(intensities[(start + $0) * area..<(start + $0 + 1) * area])) }
            let found = try networkLabels(planes.flatMap(\.self), count: count)
            labels += Parallel.map(count) { resizer.restore(Array(found[$0 * networkArea..<($0 + 1) * networkArea])) }.flatMap(\.self)
            progress(start + count)
        }
        return try LabelVolume(shape: shape, labels: labels)
    }

    /// Labels at the network's size of `count` slices at that size.
    private func networkLabels(_ planes: [Float], count B: Int) throws -> [UInt8] {
        let logits = try network.answer(planes, batch: B, height: networkSize.height, width: networkSize.width)
        return (0..<B).flatMap { logits.answer($0).labels(threshold: threshold) }
    }
}
