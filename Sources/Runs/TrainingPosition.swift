/// Where a run stands: everything beside the tensors that it needs to go on as if it had never stopped.
public struct TrainingPosition: Sendable, Codable, Equatable {
    /// Epochs that are done.
    public var epoch = 0
    /// Steps that are done of the epoch at hand.
    public var step = 0
    /// Steps that are done in all.
    public var totalSteps = 0
    /// Sum of the losses of the epoch at hand, each weighted by its pictures; and how many pictures.
    public var lossSum = 0.0
    public var images = 0
    /// Validation losses so far, oldest first: what the schedule and early stopping look at.
    public var validationLosses: [Double] = []
    /// The least of them, and the epoch (counted from 1) that had it.
    public var bestLoss: Double?
    public var bestEpoch: Int?

    public init() {}
}
