import Foundation
import TensorFiles
import Torch
import VMUNet

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

/// A run as one file: the network's weights under their published keys, the optimiser's state under `optimizer.…`, averaged weights under `ema.…`,
/// the position as metadata. Random numbers need no state: they are functions of (seed, epoch, step).
struct Checkpoint {
    static let positionKey = "vmunet.position"
    static let configurationKey = "vmunet.configuration"
    /// Keys that are not the network's own.
    static let sideKeys = ["optimizer.", "ema."]

    var tensors: StateDictionary
    var position: TrainingPosition

    /// Reads a run's last checkpoint. Throws ``TensorFiles/TensorFileError`` for a damaged file, ``RunFolderError`` for one of another kind.
    init(_ url: URL) throws {
        tensors = try WeightsFile.read(url)
        guard let text = tensors.metadata[Self.positionKey]?.text,
            let position = try? JSONDecoder().decode(TrainingPosition.self, from: Data(text.utf8))
        else {
            throw RunFolderError(
                folder: url.relativePath, reason: "it is no checkpoint of a run, only weights", remedy: "begin from it by --init")
        }
        self.position = position
    }

    init(network: VMUNet, optimizer: any Optimizer, average: ExponentialMovingAverage?, position: TrainingPosition) throws {
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
        tensors.metadata[Self.positionKey] = .string(String(decoding: try encoder.encode(position), as: UTF8.self))
        for (key, value) in configuration.weightsMetadata { tensors.metadata[key] = value }
        try WeightsFile.write(tensors, to: url)
    }

    /// Puts the saved state into an optimiser and an average that were made for the same network.
    func restore(_ optimizer: any Optimizer, _ average: ExponentialMovingAverage?) throws {
        try withTorchErrors {
            for (prefix, state) in [("optimizer.", optimizer.state), ("ema.", average?.state ?? [])] {
                for (name, tensor) in state {
                    guard let saved = tensors[prefix + name], saved.shape == tensor.shape else {
                        throw RunFolderError(
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

extension StateDictionary {
    /// The network's own tensors, without what a run's checkpoint keeps beside them.
    public var networkWeights: StateDictionary {
        var result = self
        for key in keys where Checkpoint.sideKeys.contains(where: key.hasPrefix) { result[key] = nil }
        return result
    }
}

extension HostTensor {
    /// Whether no value is NaN or infinite.
    var isFinite: Bool {
        guard elementType == .float32 else { return floats.allSatisfy(\.isFinite) }
        return bytes.withUnsafeBytes { raw in
            // An exponent of all ones is NaN or infinite; the loop has no branch, so that it runs at the memory's speed.
            let words = raw.bindMemory(to: UInt32.self)
            var bad: UInt32 = 0
            for word in words { bad |= (word & 0x7F80_0000) == 0x7F80_0000 ? 1 : 0 }
            return bad == 0
        }
    }
}

/// Weights or optimiser state with NaN or infinite values: not saved, so that the checkpoint before stays.
public struct NonFiniteWeights: Error, Sendable, CustomStringConvertible {
    public let key: String
    public var description: String {
        "\(key) has values that are not finite: the checkpoint before it is kept; lower optimizer.learning_rate or set clip_norm in the run's config.yaml, and go on by --resume"
    }
}
