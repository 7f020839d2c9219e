/// Segments volumes with a trained network, slice by slice: slices are resized to the network's
/// input by a cubic spline, labels are resized back by the nearest pixel.
public struct VolumeSegmenter: Sendable {
    public let network: any InferenceNetwork
    /// The network's input size.
    public let networkSize: PlaneSize
    /// Slices per forward pass.
    public let batchSize: Int
    private let threshold: Float

    /// Uses the network, size, threshold and precision of `segmenter`.
    public init(_ segmenter: Segmenter, batchSize: Int = 8) {
        precondition(batchSize > 0, "VolumeSegmenter: a batch has at least one slice")
        network = segmenter.network
        networkSize = PlaneSize(height: segmenter.imageSize, width: segmenter.imageSize)
        self.batchSize = batchSize
        threshold = segmenter.threshold
    }

    /// The labels of a volume, 0 and 1 for a binary network. The intensities, (slices, rows,
    /// columns), must be in the form that the network was trained on. `progress` receives the
    /// number of finished slices.
    ///
    /// Throws `VolumeError` if the number of intensities does not match the shape, or an extent is
    /// out of range.
    public func segment(_ intensities: [Float], shape: VolumeShape, progress: (_ slices: Int) -> Void = { _ in }) throws -> LabelVolume {
        guard intensities.count == shape.count, shape.count > 0 else {
            throw VolumeError(
                operation: "volume segmentation", expected: "\(shape.count) intensities for \(shape)", got: "\(intensities.count)")
        }
        let area = shape.plane.count
        return try segment(shape: shape, slice: { Array(intensities[$0 * area..<($0 + 1) * area]) }, progress: progress)
    }

    /// As ``segment(_:shape:progress:)``, with slices that are made when they are needed.
    public func segment(
        shape: VolumeShape, slice: @Sendable (Int) -> [Float], progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> LabelVolume {
        let perSlice = 4 * shape.plane.count + (8 + 8 * network.classes) * networkSize.count
        try DataError.requireMemory(
            // The labels, once more turned back, and while they are gathered.
            3 * shape.count + batchSize * perSlice, for: "a volume of \(shape)",
            remedy: "Crop the volume, or save it at a larger spacing.")
        let resizer = SliceResizer(slice: shape.plane, network: networkSize)
        let networkArea = networkSize.count
        var labels: [UInt8] = []
        labels.reserveCapacity(shape.count)
        for start in stride(from: 0, to: shape.depth, by: batchSize) {
            let count = min(batchSize, shape.depth - start)
            let planes = Parallel.map(count) { resizer.prepare(slice(start + $0)) }
            let found = try networkLabels(planes.flatMap(\.self), count: count)
            labels += Parallel.map(count) { resizer.restore(Array(found[$0 * networkArea..<($0 + 1) * networkArea])) }.flatMap(\.self)
            progress(start + count)
        }
        return try LabelVolume(shape: shape, labels: labels)
    }

    /// Labels of `count` slices at the network's input size.
    private func networkLabels(_ planes: [Float], count B: Int) throws -> [UInt8] {
        let logits = try network.answer(planes, batch: B, height: networkSize.height, width: networkSize.width)
        return (0..<B).flatMap { logits.answer($0).labels(threshold: threshold) }
    }
}
