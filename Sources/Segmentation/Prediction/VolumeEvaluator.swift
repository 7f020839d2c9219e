/// Runs a network over a set's volumes and scores it (Table II), with one volume in memory at a
/// time.
public struct VolumeEvaluator: Sendable {
    private let volumes: any VolumeDataset
    private let segmenter: VolumeSegmenter
    private let spacing: VoxelSpacing?
    private let metrics: [VolumeMetric]

    /// An evaluation's progress.
    public struct Progress: Sendable {
        /// The volume being worked on, from 0.
        public let volume: Int
        /// Volumes of the set.
        public let volumes: Int
        /// Slices of it that are done.
        public let slice: Int
        /// Slices that it has.
        public let slices: Int
        /// The share of the whole set, 0…1.
        public var share: Double { (Double(volume) + Double(slice) / Double(max(slices, 1))) / Double(max(volumes, 1)) }
    }

    /// `spacing` applies to all volumes, in millimetres; the layout does not record it. Nil counts
    /// distances in voxels.
    public init(
        _ volumes: any VolumeDataset, segmenter: VolumeSegmenter, spacing: VoxelSpacing? = nil,
        metrics: [VolumeMetric] = VolumeMetric.published
    ) {
        self.metrics = metrics
        self.volumes = volumes
        self.segmenter = segmenter
        self.spacing = spacing
    }

    /// Scores every volume. `keep` receives each with its prediction, for instance to save it.
    ///
    /// Throws ``DataError``, which names an invalid file, and what `keep` throws.
    public func evaluate(
        progress: (Progress) -> Void = { _ in }, keep: (SynapseVolume, LabelVolume) throws -> Void = { _, _ in }
    ) throws -> VolumeScoreSummary {
        var scores: [VolumeScores] = []
        for index in 0..<volumes.count {
            let volume = try volumes.load(at: index)
            let prediction = try segmenter.segment(volume.image, shape: volume.shape) { done in
                progress(Progress(volume: index, volumes: volumes.count, slice: done, slices: volume.shape.depth))
            }
            scores.append(
                try VolumeScores(
                    name: volume.name, prediction: prediction.leavingOut(volumes.ignoredLabel, of: volume.label),
                    label: volume.label.leavingOut(volumes.ignoredLabel, of: volume.label), classNames: volumes.classNames,
                    millimetres: spacing, metrics: metrics))
            try keep(volume, prediction)
        }
        return try VolumeScoreSummary(scores)
    }
}
