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

    /// `spacing` applies to all volumes, in millimetres. Nil takes each volume's own; if its file
    /// records none, distances are counted in voxels.
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
        try VolumeScoreSummary(part(.whole, progress: progress, keep: keep).map(\.scores))
    }

    /// A volume's scores.
    package struct Scored: Sendable, Codable, Equatable {
        /// Its place in the set.
        package let place: Int
        /// Its scores.
        package let scores: VolumeScores
    }

    /// Scores the volumes of a share, as ``evaluate(progress:keep:)`` does all.
    package func part(
        _ shard: Shard, progress: (Progress) -> Void = { _ in }, keep: (SynapseVolume, LabelVolume) throws -> Void = { _, _ in }
    ) throws -> [Scored] {
        let places = (0..<volumes.count).filter(shard.contains)
        return try places.enumerated().map { done, place in
            let volume = try volumes.load(at: place)
            let prediction = try predict(volume) { slices, depth in
                progress(Progress(volume: done, volumes: places.count, slice: slices, slices: depth))
            }
            let scores = try VolumeScores(
                name: volume.name, prediction: prediction.leavingOut(volumes.ignoredLabel, of: volume.label),
                label: volume.label.leavingOut(volumes.ignoredLabel, of: volume.label), classNames: volumes.classNames,
                regions: volumes.regions, millimetres: spacing ?? volume.spacing, metrics: metrics)
            try keep(volume, prediction)
            return Scored(place: place, scores: scores)
        }
    }

    /// Labels in the volume's own order.
    private func predict(_ volume: SynapseVolume, progress: (_ slices: Int, _ of: Int) -> Void) throws -> LabelVolume {
        guard !volume.channels.isEmpty else {
            guard min(volume.shape.height, volume.shape.width) >= PreparedVolume.smallestSide else {
                throw DataError(
                    .shape, path: volume.name,
                    "its slices are \(volume.shape.height)×\(volume.shape.width) pixels, too small to show anything",
                    remedy: "Where slices lie along another axis, data.slice_axis (--slice-axis) says so.")
            }
            return try segmenter.segment(volume.image, shape: volume.shape, voxelVolume: (spacing ?? volume.spacing)?.voxelVolume) {
                progress($0, volume.shape.depth)
            }
        }
        let prepared = try PreparedVolume(volume.channels, path: volume.name, convention: segmenter.convention)
        return try segmenter.segment(prepared) { progress($0, prepared.shape.depth) }
    }
}
