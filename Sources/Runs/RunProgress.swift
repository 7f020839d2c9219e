import Foundation

extension RunFolder {
    /// Whether a run of this configuration came to its end: all epochs, or early stopping.
    package func isFinished(_ configuration: RunConfiguration) throws -> Bool {
        guard FileManager.default.fileExists(atPath: last.path) else { return false }
        let epochs = try epochs()
        guard let latest = epochs.last else { return false }
        return latest.epoch >= configuration.epochs || configuration.hasStoppedImproving(epochs.compactMap(\.validationLoss))
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
