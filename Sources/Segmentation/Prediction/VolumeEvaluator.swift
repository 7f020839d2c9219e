import Foundation

/// Runs a network over the test volumes of a set in Synapse's layout and scores it (Table II): one volume in memory at a time.
public struct VolumeEvaluator: Sendable {
    private let volumes: SynapseVolumes
    private let segmenter: VolumeSegmenter
    private let spacing: VoxelSpacing?

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
    public init(_ volumes: SynapseVolumes, segmenter: VolumeSegmenter, spacing: VoxelSpacing? = nil) {
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
                    millimetres: spacing))
            try keep(volume, prediction)
        }
        return try VolumeScoreSummary(scores)
    }
}

extension SynapseVolumes {
    /// The volumes of a list with names for as many classes as a network has: the weights' own, else those that the set's files give, else their numbers.
    ///
    /// Throws ``DataError`` as ``init(_:list:classNames:)``, and where the set's files name another number of classes.
    public init(_ directory: URL, list: String = "test_vol", classes: Int, weightsClassNames: [String]?, ignoredLabel: UInt8? = nil)
        throws(DataError)
    {
        let count = max(classes, 2)  // a binary network's labels are 0 and 1
        var names = SynapseClasses.named(count)
        if let weightsClassNames, weightsClassNames.count == count {
            names = weightsClassNames
        } else if SynapseClasses.areNamed(in: directory) {
            names = try SynapseClasses.names(in: directory)
            guard names.count == count else {
                throw DataError(
                    .labelOutOfRange, path: directory.path, "the set has \(names.count) classes, the weights \(count)",
                    remedy: "Evaluate weights that were trained on this set's classes.")
            }
        }
        try self.init(directory, list: list, classNames: names, ignoredLabel: ignoredLabel)
    }
}
