/// A run's two sets.
public struct TrainingData: Sendable {
    /// The training set.
    public let training: any SegmentationDataset
    /// The set that chooses the best epoch; nil to train on all data and keep the last epoch's
    /// weights.
    public let validation: (any SegmentationDataset)?
    /// Notes for the user on the sets' origin, a line each.
    public let notes: [String]

    /// Wraps existing sets.
    public init(training: any SegmentationDataset, validation: (any SegmentationDataset)?, notes: [String] = []) {
        self.training = training
        self.validation = validation
        self.notes = notes
    }

    /// Checks every file before a run starts. Throws ``DataError``, which lists everything wrong
    /// with a set; otherwise returns notes for the user, a line each.
    @discardableResult
    public func verify() throws -> [String] {
        try training.verify(forTraining: true).map { "training: " + $0 }
            + (validation?.verify(forTraining: false) ?? []).map { "validation: " + $0 }
    }
}
