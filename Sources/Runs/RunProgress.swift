import Foundation
import TensorFiles

extension RunFolder {
    /// Whether a run of this configuration came to its end: all epochs, or early stopping.
    ///
    /// Its last checkpoint says so. The log knows of the last epoch before that is saved, and saving may have been cut off.
    package func isFinished(_ configuration: RunConfiguration) -> Bool {
        guard let position = TrainingPosition(try? SafetensorsFile.metadata(of: last)[TrainingPosition.key]) else { return false }
        return position.epoch >= configuration.epochs || configuration.hasStoppedImproving(position.validationLosses)
    }

    /// What each epoch came to, oldest first.
    package func epochs() throws -> [TrainingEvent.EpochRecord] {
        try events().compactMap { event in
            if case .epoch(let record) = event { record } else { nil }
        }
    }
}

extension RunConfiguration {
    /// Whether early stopping ends a run with these validation losses, oldest first.
    package func hasStoppedImproving(_ losses: [Double]) -> Bool {
        guard let patience = earlyStopping, let best = losses.indices.min(by: { losses[$0] < losses[$1] }) else { return false }
        return losses.count - 1 - best >= patience
    }
}
