import TensorFiles

/// Segments volumes with a trained network, slice by slice: resized by a cubic spline to the
/// network's size, the labels resized back by nearest pixel, as in the published protocol.
///
/// It does not change once it is made, and any number of threads and tasks may use one at the same
/// time.
///
/// ```swift
/// let segmenter = VolumeSegmenter(try Segmenter(weights: URL(filePath: "liver.safetensors")))
/// let found = try await segmenter.segment(URL(filePath: "ct.nii.gz")) { done, count in print("\(done) of \(count) slices") }
/// try found.write(to: URL(filePath: "liver.nii.gz"))
/// ```
public struct VolumeSegmenter: Sendable {
    /// The network.
    public let network: any InferenceNetwork
    /// The network's input size.
    public let networkSize: PlaneSize
    /// Slices in one forward pass, at least 1.
    public let batchSize: Int
    /// The form of the network's input.
    public let convention: InputConvention
    let threshold: Float

    /// Takes network, size, threshold and the convention of the input from `segmenter`.
    public init(_ segmenter: Segmenter, batchSize: Int = 8) {
        network = segmenter.network
        networkSize = PlaneSize(height: segmenter.imageSize, width: segmenter.imageSize)
        self.batchSize = max(1, batchSize)
        convention = segmenter.convention
        threshold = segmenter.threshold
    }

    init(network: any InferenceNetwork, networkSize: PlaneSize, batchSize: Int, convention: InputConvention, threshold: Float = 0.5) {
        (self.network, self.networkSize, self.batchSize) = (network, networkSize, max(1, batchSize))
        (self.convention, self.threshold) = (convention, threshold)
    }

    /// Labels of a volume of intensities as the network was trained on, (slices, rows, columns),
    /// row-major; of a binary network 0 and 1. `progress` gets the number of slices that are done.
    ///
    /// - Throws: ``VolumeError`` if there are not as many intensities as the shape has voxels, or
    ///   an extent is out of range, and what the network throws.
    public func segment(_ intensities: [Float], shape: VolumeShape, progress: (_ slices: Int) -> Void = { _ in }) throws -> LabelVolume {
        guard HostTensor.elementCount(shape: [shape.depth, shape.height, shape.width]) == intensities.count, !intensities.isEmpty else {
            throw VolumeError(
                operation: "volume segmentation", expected: "as many intensities as \(shape) voxels", got: "\(intensities.count)")
        }
        let area = shape.plane.count
        return try segment(shape: shape, slice: { Array(intensities[$0 * area..<($0 + 1) * area]) }, progress: progress)
    }

    /// Like ``segment(_:shape:progress:)``, with slices made on demand.
    public func segment(
        shape: VolumeShape, slice: @Sendable (Int) -> [Float], progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> LabelVolume {
        try segment(shape: shape, slice: slice, check: {}, progress: progress)
    }

    /// `check` is called before each batch of slices; what it throws ends the work.
    func segment(
        shape: VolumeShape, slice: @Sendable (Int) -> [Float], check: () throws -> Void, progress: (_ slices: Int) -> Void
    ) throws -> LabelVolume {
        let perSlice = 4 * shape.plane.count + (8 + 8 * network.classes) * networkSize.count
        try DataError.requireMemory(
            // The labels, once more when they are turned back, and once while they are gathered.
            3 * shape.count + batchSize * perSlice, for: "a volume of \(shape)",
            remedy: "Crop the volume, or save it at a larger spacing.")
        let resizer = SliceResizer(slice: shape.plane, network: networkSize)
        let networkArea = networkSize.count
        var labels: [UInt8] = []
        labels.reserveCapacity(shape.count)
        for start in stride(from: 0, to: shape.depth, by: batchSize) {
            try check()
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
