import Foundation
import Runs
import Segmentation
import TensorFiles
import Torch

/// Writes a run's folder during training: configuration, metrics, TensorBoard events, environment,
/// checkpoints. Keeps other processes out of the folder while it lives.
final class RunRecorder {
    private let folder: RunFolder
    private let configuration: RunConfiguration
    private let lock: RunLock
    private let log: MetricsLog
    private let board: TensorBoardLog

    /// Continues at `position`; records that a stopped run wrote after its checkpoint are cut off.
    ///
    /// Throws ``/Files/FileError`` if another process is training in the folder, or if it cannot
    /// be written to.
    init(_ folder: RunFolder, _ configuration: RunConfiguration, after position: TrainingPosition, stepsPerEpoch: Int, on device: Device)
        throws
    {
        (self.folder, self.configuration) = (folder, configuration)
        lock = try RunLock(folder)
        folder.removeUnfinished()
        // Save changed settings only now that the data was found and nobody else trains here.
        if (try? RunConfiguration(yamlFile: folder.configuration)) != configuration { try configuration.write(to: folder.configuration) }
        log = try MetricsLog(folder.metrics, after: position)
        board = try TensorBoardLog(folder, stepsPerEpoch: stepsPerEpoch, after: position.epoch * stepsPerEpoch + position.step)
        let parameters = try configuration.parameterCount()
        try RunEnvironment(
            instructionSet: Torch.instructionSet, libtorch: Torch.version, device: device.name, parameters: parameters
        ).append(to: folder)
    }

    /// Records a step or an epoch in metrics and curves.
    func record(_ event: TrainingEvent) throws {
        try log.append(event)
        try board.append(event)
    }

    /// Writes the checkpoint from which a run continues.
    func save(_ checkpoint: Checkpoint) throws { try checkpoint.write(to: folder.last, configuration: configuration) }

    /// Writes the weights of the best epoch so far.
    func keep(_ weights: StateDictionary, of record: TrainingEvent.EpochRecord) throws {
        var weights = weights
        for (key, value) in configuration.weightsMetadata { weights.metadata[key] = value }
        weights.metadata["epoch"] = .integer(record.epoch)
        record.validationLoss.map { weights.metadata["val_loss"] = .number($0) }
        try WeightsFile.write(weights, to: folder.best)
    }
}
