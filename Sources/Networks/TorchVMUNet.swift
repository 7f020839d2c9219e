import Segmentation
import TensorFiles
import Torch
import VMUNet

/// The network on libtorch, for training and GPUs.
public typealias TorchVMUNet = VMUNet<TorchEngine>

extension VMUNet where E == TorchEngine {
    /// A network with initial values from libtorch's generator; seed it with
    /// ``/Torch/Torch/manualSeed(_:)``.
    public init(_ configuration: VMUNetConfiguration) throws {
        try self.init(configuration, ParameterStore())
    }

    /// A network with a checkpoint's weights, whose keys and shapes define the architecture.
    ///
    /// Throws ``/VMUNet/WeightsMismatch`` with every key that is missing, unexpected or of another
    /// shape, and ``/VMUNet/ConfigurationError`` if they define no architecture.
    public init(weights: StateDictionary) throws {
        try self.init(try VMUNetConfiguration(readFrom: weights), ParameterStore(weights: weights))
    }

    /// A network of this configuration with a checkpoint's weights; throws
    /// ``/VMUNet/WeightsMismatch`` if they do not fit.
    public init(_ configuration: VMUNetConfiguration, weights: StateDictionary) throws {
        try self.init(configuration, ParameterStore(weights: weights))
    }

    private init(_ configuration: VMUNetConfiguration, _ store: ParameterStore) throws {
        try configuration.validate()
        self = try withTorchErrors { try VMUNet(configuration, from: store) }
    }

    /// The weights in checkpoint form: float32, under the published keys.
    public func stateDictionary() throws -> StateDictionary {
        try withTorchErrors { StateDictionary(parameters.map { ($0.key, $0.tensor.hostTensor()) }) }
    }

    /// A copy of the network, with equal weights, on `device`.
    public func on(_ device: Device) throws -> Self {
        if device.isCPU { return self }
        let moved = try withTorchErrors { Dictionary(uniqueKeysWithValues: parameters.map { ($0.key, $0.tensor.to(device)) }) }
        return try Self(configuration, ParameterStore(tensors: moved))
    }
}
