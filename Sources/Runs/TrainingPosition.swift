import Foundation
import Segmentation
import TensorFiles

/// A run's position: everything except tensors that it needs to continue as if it had never
/// stopped.
public struct TrainingPosition: Sendable, Codable, Equatable {
    /// Finished epochs.
    public var epoch = 0
    /// Finished steps of the current epoch.
    public var step = 0
    /// Finished steps of the whole run.
    public var totalSteps = 0
    /// Sum of the current epoch's losses, each weighted by its number of pictures, and the number
    /// of pictures.
    public var lossSum = 0.0
    /// Pictures of the epoch that were trained on.
    public var images = 0
    /// Validation losses so far, oldest first, for the schedule and early stopping.
    public var validationLosses: [Double] = []
    /// The least validation loss, and its epoch (counted from 1).
    public var bestLoss: Double?
    /// The epoch of the kept weights, from 1.
    public var bestEpoch: Int?

    /// The start of a run.
    public init() {}

    /// The key in a checkpoint's metadata.
    package static let key = "vmunet.position"

    /// Reads the position from a checkpoint's metadata; nil if the text is not one.
    package init?(_ text: String?) {
        guard let text, let position = try? JSONDecoder().decode(TrainingPosition.self, from: Data(text.utf8)) else { return nil }
        self = position
    }

    /// Describes the first number that no run can reach; nil if all are possible. A checkpoint's
    /// file may be damaged, or forged.
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
            return "\(validationLosses.count) validation losses after \(epoch) epochs, or some that are not numbers"
        }
        guard bestLoss?.isFinite != false, bestEpoch.map({ $0 >= 1 && $0 <= epoch }) != false else {
            return "a best epoch of \(bestEpoch ?? 0) after \(epoch)"
        }
        return nil
    }
}
