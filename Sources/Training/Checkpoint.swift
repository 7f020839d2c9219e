import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import Torch
import VMUNet

/// A run as one file: the network's weights under their published keys, the optimiser's state under
/// `optimizer.…`, averaged weights under `ema.…`, and the position as metadata. Random numbers need
/// no state: they are functions of (seed, epoch, step).
struct Checkpoint {
    var tensors: StateDictionary
    var position: TrainingPosition

    /// The network's tensors, with those of the loss.
    var network: StateDictionary { tensors.filter { !$0.hasPrefix("optimizer.") && !$0.hasPrefix("ema.") } }

    /// Reads a run's last checkpoint. Throws ``/Files/FileError`` for a damaged file,
    /// ``/Files/FileError`` for a file of another kind.
    init(_ url: URL) throws {
        tensors = try WeightsFile.read(url)
        guard let position = TrainingPosition(tensors.metadata[TrainingPosition.key]?.text) else {
            throw FileError(
                .wrongFormat, file: url.relativePath, reason: "it holds weights only, no checkpoint of a run",
                remedy: "start from it with --init")
        }
        self.position = position
    }

    init(network: any SegmentationNetwork, optimizer: any Optimizer, average: ExponentialMovingAverage?, position: TrainingPosition) throws
    {
        self.position = position
        var all = try network.stateDictionary()
        try withTorchErrors {
            for (name, tensor) in optimizer.state { all["optimizer." + name] = tensor.hostTensor() }
            for (name, tensor) in average?.state ?? [] { all["ema." + name] = tensor.hostTensor() }
        }
        tensors = all
    }

    /// Writes the file, whole or not at all. Throws ``NonFiniteWeights`` rather than replace good
    /// weights with bad ones.
    func write(to url: URL, configuration: RunConfiguration) throws {
        for (key, tensor) in tensors where !tensor.isFinite { throw NonFiniteWeights(key: key) }
        var tensors = tensors
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        tensors.metadata[TrainingPosition.key] = .string(String(decoding: try encoder.encode(position), as: UTF8.self))
        for (key, value) in configuration.weightsMetadata { tensors.metadata[key] = value }
        try WeightsFile.write(tensors, to: url)
    }

    /// Restores the saved state of an optimiser and an average made for the same network.
    func restore(_ optimizer: any Optimizer, _ average: ExponentialMovingAverage?) throws {
        try withTorchErrors {
            for (prefix, state) in [("optimizer.", optimizer.state), ("ema.", average?.state ?? [])] {
                for (name, tensor) in state {
                    guard let saved = tensors[prefix + name], saved.shape == tensor.shape else {
                        throw FileError(
                            .wrongFormat, file: "the checkpoint", reason: "it has no \(prefix)\(name) of shape \(tensor.shape)",
                            remedy: "resume with the optimiser that the run started with")
                    }
                    tensor.assign(Tensor(saved))
                }
            }
        }
        optimizer.steps = position.totalSteps
    }
}

/// Weights or optimiser state with NaN or infinite values. They are not saved, so the previous
/// checkpoint stays.
public struct NonFiniteWeights: UserError {
    /// The checkpoint key of the tensor.
    public let key: String
    /// The ``key``.
    public var subject: String { key }
    /// Says that the values are not finite.
    public var problem: String { "has values that are not finite; the previous checkpoint is kept" }
    /// Suggests a lower learning rate.
    public var remedy: String { "lower optimizer.learning_rate or set clip_norm in the run's config.yaml, and continue with --resume" }
    /// Training failed, not its input.
    public var category: UserErrorCategory { .internal }

    /// Key, problem and remedy.
    public var description: String { "\(key) \(problem); \(remedy)" }
}
