import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import Torch
import VMUNet

/// A run as one file: the network's weights under their published keys, the optimiser's state under `optimizer.…`, averaged weights under `ema.…`,
/// the position as metadata. Random numbers need no state: they are functions of (seed, epoch, step).
struct Checkpoint {
    var tensors: StateDictionary
    var position: TrainingPosition

    /// Reads a run's last checkpoint. Throws ``TensorFiles/TensorFileError`` for a damaged file, ``FolderError`` for one of another kind.
    init(_ url: URL) throws {
        tensors = try WeightsFile.read(url)
        guard let position = TrainingPosition(tensors.metadata[TrainingPosition.key]?.text) else {
            throw FolderError(
                folder: url.relativePath, reason: "it is no checkpoint of a run, only weights", remedy: "begin from it by --init")
        }
        self.position = position
    }

    init(network: TorchVMUNet, optimizer: any Optimizer, average: ExponentialMovingAverage?, position: TrainingPosition) throws {
        self.position = position
        var all = try network.stateDictionary()
        try withTorchErrors {
            for (name, tensor) in optimizer.state { all["optimizer." + name] = tensor.hostTensor() }
            for (name, tensor) in average?.state ?? [] { all["ema." + name] = tensor.hostTensor() }
        }
        tensors = all
    }

    /// Writes the file whole or not at all. Throws ``NonFiniteWeights`` rather than replace good weights by bad ones.
    func write(to url: URL, configuration: RunConfiguration) throws {
        for (key, tensor) in tensors where !tensor.isFinite { throw NonFiniteWeights(key: key) }
        var tensors = tensors
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        tensors.metadata[TrainingPosition.key] = .string(String(decoding: try encoder.encode(position), as: UTF8.self))
        for (key, value) in configuration.weightsMetadata { tensors.metadata[key] = value }
        try WeightsFile.write(tensors, to: url)
    }

    /// Puts the saved state into an optimiser and an average that were made for the same network.
    func restore(_ optimizer: any Optimizer, _ average: ExponentialMovingAverage?) throws {
        try withTorchErrors {
            for (prefix, state) in [("optimizer.", optimizer.state), ("ema.", average?.state ?? [])] {
                for (name, tensor) in state {
                    guard let saved = tensors[prefix + name], saved.shape == tensor.shape else {
                        throw FolderError(
                            folder: "the checkpoint", reason: "it has no \(prefix)\(name) of shape \(tensor.shape)",
                            remedy: "resume with the optimiser that the run began with")
                    }
                    tensor.assign(Tensor(saved))
                }
            }
        }
        optimizer.steps = position.totalSteps
    }
}

/// Weights or optimiser state with NaN or infinite values: not saved, so that the checkpoint before stays.
public struct NonFiniteWeights: UserError {
    public let key: String
    /// As ``key``.
    public var subject: String { key }
    /// That they are not finite.
    public var problem: String { "has values that are not finite: the checkpoint before it is kept" }
    /// A lower learning rate.
    public var remedy: String { "lower optimizer.learning_rate or set clip_norm in the run's config.yaml, and go on by --resume" }
    /// The training went wrong, not its input.
    public var category: UserErrorCategory { .internal }

    public var description: String { "\(key) \(problem); \(remedy)" }
}
