import Foundation
import Runs
import Segmentation
import TensorFiles
import Torch

/// All that a run writes into its folder while it trains: configuration, metrics, TensorBoard's events, the machine,
/// checkpoints. The folder is this process's own as long as the recorder lives.
final class RunRecorder {
    private let folder: RunFolder
    private let configuration: RunConfiguration
    private let lock: RunLock
    private let log: MetricsLog
    private let board: TensorBoardLog

    /// Goes on where a run stands: what a stopped run had written beyond its checkpoint is cut off.
    ///
    /// Throws ``FolderError`` while another process trains in the folder, and where it cannot be written to.
    init(_ folder: RunFolder, _ configuration: RunConfiguration, after position: TrainingPosition, stepsPerEpoch: Int, on device: Device)
        throws
    {
        (self.folder, self.configuration) = (folder, configuration)
        lock = try RunLock(folder)
        folder.removeUnfinished()
        // What may change on resuming is kept only now that the data were found and nobody else trains here.
        if (try? RunConfiguration(yamlFile: folder.configuration)) != configuration { try configuration.write(to: folder.configuration) }
        log = try MetricsLog(folder.metrics, after: position)
        board = try TensorBoardLog(folder, stepsPerEpoch: stepsPerEpoch, after: position.epoch * stepsPerEpoch + position.step)
        try RunEnvironment(instructionSet: Torch.instructionSet, libtorch: Torch.version, device: device.name).append(to: folder)
    }

    /// Adds a step or an epoch to metrics and curves.
    func record(_ event: TrainingEvent) throws {
        try log.append(event)
        try board.append(event)
    }

    /// Writes the checkpoint that a run goes on from.
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
