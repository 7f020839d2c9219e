/// A set that training can take in part, and whose rare classes it can repeat.
protocol TrainingSamples: SegmentationDataset {
    /// The samples at these places.
    func samples(at places: [Int]) -> Self
    /// The labels in a sample's mask.
    func labels(at index: Int) throws(DataError) -> Set<UInt8>
}

extension TrainingSamples {
    /// The labels in each sample, read on all processors. Throws the first error.
    func presence() throws(DataError) -> [Set<UInt8>] {
        let found = Parallel.map(count) { index in Result { () throws(DataError) in try labels(at: index) } }
        var presence: [Set<UInt8>] = []
        for labels in found { presence.append(try labels.get()) }
        return presence
    }
}

extension TrainingData {
    /// A set that is already divided. Training takes as many of its samples as the settings ask for,
    /// drawn by the seed, and repeats those with rare classes if they say so.
    init(
        _ training: some TrainingSamples, validation: (any SegmentationDataset)?, notes: [String], _ settings: DataSettings, seed: UInt64
    ) throws(DataError) {
        var (training, notes) = (training, notes)
        if let pictures = settings.pictures, pictures < training.count {
            notes.append("\(pictures) of \(training.count) to train on, drawn by the seed")
            training = training.samples(at: FoldDivision.drawn(pictures, of: training.count, seed: seed))
        }
        guard settings.balance else {
            self.init(training: training, validation: validation, notes: notes)
            return
        }
        self.init(training: BalancedSamples(training, presence: try training.presence()), validation: validation, notes: notes)
    }
}
