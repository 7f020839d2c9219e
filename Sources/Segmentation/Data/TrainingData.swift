/// The two sets that a run needs.
public struct TrainingData: Sendable {
    /// What is trained on.
    public let training: any SegmentationDataset
    /// What the best epoch is chosen by; nil where all is trained on and the last epoch's weights are kept.
    public let validation: (any SegmentationDataset)?
    /// How the sets came about, where a user should know: a line each.
    public let notes: [String]

    /// Sets that are there already.
    public init(training: any SegmentationDataset, validation: (any SegmentationDataset)?, notes: [String] = []) {
        self.training = training
        self.validation = validation
        self.notes = notes
    }

    /// Looks at every file before a run begins. Throws ``DataError`` that lists all that is wrong with a set; otherwise says what
    /// a user should know of them, a line each.
    @discardableResult
    public func verify() throws -> [String] {
        try training.verify(forTraining: true).map { "training: " + $0 }
            + (validation?.verify(forTraining: false) ?? []).map { "validation: " + $0 }
    }
}
