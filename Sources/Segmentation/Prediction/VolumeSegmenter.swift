import TensorFiles

/// Segments volumes with a trained network, slice by slice: resized by a cubic spline to the
/// network's size, the labels resized back by nearest pixel, as in the published protocol; or in
/// tiles, if the segmenter or the weights say so.
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
    /// Tiles, views and uncertainty.
    let prediction: PredictionOptions
    /// True if the network sees slices at their own resolution, in tiles.
    let isTiled: Bool
    /// Clean-up of the labels.
    let cleanUp: CleanUp
    /// The passes for each slice or tile.
    let passes: Int

    /// Takes network, size, threshold, tiles and the convention of the input from `segmenter`.
    public init(_ segmenter: Segmenter, batchSize: Int = 8) {
        network = segmenter.network
        networkSize = PlaneSize(height: segmenter.imageSize, width: segmenter.imageSize)
        self.batchSize = max(1, batchSize)
        convention = segmenter.convention
        threshold = segmenter.threshold
        (prediction, isTiled, passes) = (segmenter.prediction, segmenter.isTiled, segmenter.passes)
        cleanUp = segmenter.cleanUp
    }

    init(network: any InferenceNetwork, networkSize: PlaneSize, batchSize: Int, convention: InputConvention, threshold: Float = 0.5) {
        (self.network, self.networkSize, self.batchSize) = (network, networkSize, max(1, batchSize))
        (self.convention, self.threshold) = (convention, threshold)
        (prediction, isTiled, passes, cleanUp) = (PredictionOptions(), false, 1, .none)
    }

    /// Labels of a volume of intensities as the network was trained on, (slices, rows, columns),
    /// row-major; of a binary network 0 and 1. `voxelVolume`, in cubic millimetres, is for a
    /// clean-up in millimetres. `progress` gets the number of slices that are done.
    ///
    /// - Throws: ``VolumeError`` if there are not as many intensities as the shape has voxels, or
    ///   an extent is out of range, and what the network throws.
    public func segment(
        _ intensities: [Float], shape: VolumeShape, voxelVolume: Double? = nil, progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> LabelVolume {
        guard HostTensor.elementCount(shape: [shape.depth, shape.height, shape.width]) == intensities.count, !intensities.isEmpty else {
            throw VolumeError(
                operation: "volume segmentation", expected: "as many intensities as \(shape) voxels", got: "\(intensities.count)")
        }
        let area = shape.plane.count
        return try maps(
            shape: shape, plane: shape.plane, isTiled: isTiled, planes: { Array(intensities[$0 * area..<($0 + 1) * area]) }, shows: false,
            voxelVolume: voxelVolume, check: {}, progress: progress
        ).labels
    }

    /// Like ``segment(_:shape:voxelVolume:progress:)``, with slices made on demand.
    public func segment(
        shape: VolumeShape, slice: @Sendable (Int) -> [Float], progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> LabelVolume {
        try maps(shape: shape, plane: shape.plane, isTiled: isTiled, planes: slice, shows: false, check: {}, progress: progress).labels
    }
}
