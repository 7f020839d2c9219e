import Segmentation
import TensorFiles
import Torch
import VMUNet

/// The network on libtorch, for training and GPUs.
package typealias TorchVMUNet = VMUNet<TorchEngine>

extension NetworkKind {
    /// The paper's network. Run configurations keep its sizes as a ``/VMUNet/VMUNetConfiguration``.
    static let vmunet = NetworkKind(NetworkSettings.vmunet, title: "VM-UNet") { options, shape, store in
        var configuration = VMUNetConfiguration(classes: shape.classes, inputChannels: shape.inputChannels)
        configuration.dims = options.integers("dims", configuration.dims, in: 4...131_072)
        configuration.depths = options.integers("depths", configuration.depths, in: 1...1000)
        configuration.decoderDepths = options.integers("decoder_depths", configuration.decoderDepths, in: 1...1000)
        configuration.stateSize = options.integer("state_size", configuration.stateSize, in: 1...256)
        configuration.dropPath = options.number("drop_path", configuration.dropPath, in: 0..<1)
        return try TorchVMUNet(configuration, store)
    }
}

extension VMUNet: SegmentationNetwork where E == TorchEngine {
    package var classes: Int { configuration.classes }
    package var inputChannels: Int { configuration.inputChannels }
    package var sizeMultiple: Int { 32 }

    package func rebuilt(from store: ParameterStore) throws -> Self { try Self(configuration, store) }
}

extension VMUNet where E == TorchEngine {
    /// A network with initial values from libtorch's generator; seed it with
    /// `Torch.manualSeed(_:)`.
    package init(_ configuration: VMUNetConfiguration) throws {
        try self.init(configuration, ParameterStore())
    }

    /// A network with a checkpoint's weights, whose keys and shapes define the architecture.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` with every key that is missing, unexpected or of
    ///   another shape, and ``/VMUNet/ConfigurationError`` if they define none.
    package init(weights: StateDictionary) throws {
        try self.init(try VMUNetConfiguration(readFrom: weights), ParameterStore(weights: weights))
    }

    /// A network of this configuration with a checkpoint's weights.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` if they do not fit.
    package init(_ configuration: VMUNetConfiguration, weights: StateDictionary) throws {
        try self.init(configuration, ParameterStore(weights: weights))
    }

    package init(_ configuration: VMUNetConfiguration, _ store: ParameterStore) throws {
        try configuration.validate()
        self = try withTorchErrors { try VMUNet(configuration, from: store) }
    }
}
