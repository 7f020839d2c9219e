import Foundation
import Segmentation
import TensorFiles

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

    /// At the beginning.
    public init() {}

    /// The key that a checkpoint keeps it under.
    package static let key = "vmunet.position"

    /// The position that a checkpoint's metadata says; nil for anything else.
    package init?(_ text: String?) {
        guard let text, let position = try? JSONDecoder().decode(TrainingPosition.self, from: Data(text.utf8)) else { return nil }
        self = position
    }

    /// The first of its numbers that no run can have come to; nil where all can be. A checkpoint's file may be damaged, or made up.
    ///
    /// - Parameters:
    ///   - stepsPerEpoch: batches in an epoch of the training set.
    ///   - samples: pictures in that set.
    package func problem(stepsPerEpoch: Int, samples: Int) -> String? {
        let (mostEpochs, mostSteps) = (1_000_000, 1 << 40)
        guard (0...mostEpochs).contains(epoch) else { return "epoch \(epoch)" }
        guard (0...stepsPerEpoch).contains(step) else { return "step \(step) of an epoch of \(stepsPerEpoch)" }
        guard (epoch...mostSteps).contains(totalSteps), totalSteps > 0 || step == 0 else { return "\(totalSteps) steps in all" }
        guard (0...samples).contains(images), (images == 0) == (step == 0) else { return "\(images) of \(samples) pictures" }
        guard lossSum.isFinite, step > 0 || lossSum == 0 else { return "a sum of losses of \(lossSum)" }
        guard validationLosses.count <= epoch, validationLosses.allSatisfy(\.isFinite) else {
            return "\(validationLosses.count) validation losses after \(epoch) epochs, or some that are no numbers"
        }
        guard bestLoss?.isFinite != false, bestEpoch.map({ $0 >= 1 && $0 <= epoch }) != false else {
            return "a best epoch of \(bestEpoch ?? 0) after \(epoch)"
        }
        return nil
    }
}
