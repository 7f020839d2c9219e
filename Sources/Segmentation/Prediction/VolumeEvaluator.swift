import Foundation

/// Runs a network over the volumes of a set and scores it (Table II): one volume in memory at a time.
public struct VolumeEvaluator: Sendable {
    private let volumes: any VolumeDataset
    private let segmenter: VolumeSegmenter
    private let spacing: VoxelSpacing?
    private let metrics: [VolumeMetric]

    /// How far an evaluation is.
    public struct Progress: Sendable {
        public let volume: Int
        public let volumes: Int
        public let slice: Int
        public let slices: Int
        /// 0…1 of the whole set.
        public var share: Double { (Double(volume) + Double(slice) / Double(max(slices, 1))) / Double(max(volumes, 1)) }
    }

    /// - Parameter spacing: of all volumes, in millimetres, where it is known: the layout does not carry it; nil counts distances in voxels.
    public init(
        _ volumes: any VolumeDataset, segmenter: VolumeSegmenter, spacing: VoxelSpacing? = nil,
        metrics: [VolumeMetric] = VolumeMetric.published
    ) {
        self.metrics = metrics
        self.volumes = volumes
        self.segmenter = segmenter
        self.spacing = spacing
    }

    /// Scores every volume; `keep` is given each with its prediction, for instance to save it.
    ///
    /// Throws ``DataError`` that names a file that is unsound, and what `keep` throws.
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
