import Foundation
import TensorFiles

extension RunFolder {
    /// True if a run of this configuration has ended, after all epochs or by early stopping.
    ///
    /// The last checkpoint decides: the log gets the last epoch before it is saved, and saving may
    /// have been cut off.
    package func isFinished(_ configuration: RunConfiguration) -> Bool {
        guard let position = TrainingPosition(try? SafetensorsFile.metadata(of: last)[TrainingPosition.key]) else { return false }
        return position.epoch >= configuration.epochs || configuration.hasStoppedImproving(position.validationLosses)
    }

    /// The results of each epoch, oldest first.
    package func epochs() throws -> [TrainingEvent.EpochRecord] {
        try events().compactMap { event in
            if case .epoch(let record) = event { record } else { nil }
        }
    }
}

extension RunConfiguration {
    /// True if early stopping ends a run with these validation losses, oldest first.
    package func hasStoppedImproving(_ losses: [Double]) -> Bool {
        guard let patience = earlyStopping, let best = losses.indices.min(by: { losses[$0] < losses[$1] }) else { return false }
        return losses.count - 1 - best >= patience
    }
}
