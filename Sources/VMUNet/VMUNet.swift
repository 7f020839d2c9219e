import TensorFiles
import Torch

/// Vision Mamba UNet (section III-B, figure 2a): patch embedding, four encoder stages, four decoder stages with skips, final projection.
public struct VMUNet: Sendable {
    public let configuration: VMUNetConfiguration
    /// Every parameter beside its checkpoint key.
    public let parameters: [(key: String, tensor: Tensor)]

    let patchEmbedding: PatchEmbedding  // vmunet.patch_embed
    let encoder: [EncoderStage]  // vmunet.layers.i
    let decoder: [DecoderStage]  // vmunet.layers_up.i
    let finalProjection: FinalProjection  // vmunet.final_up, vmunet.final_conv

    /// A network with initial weights (SPEC §1), drawn from libtorch's generator: seed it with ``Torch/manualSeed(_:)``.
    public init(_ configuration: VMUNetConfiguration) throws {
        try self.init(configuration, ParameterStore())
    }

    /// A network with a checkpoint's weights, whose keys and shapes say the architecture.
    ///
    /// Throws ``WeightsMismatch`` listing every key that is missing, unexpected or of another shape, and ``ConfigurationError`` when no
    /// architecture can be read off them.
    public init(weights: StateDictionary) throws {
        try self.init(try VMUNetConfiguration(readFrom: weights), ParameterStore(weights: weights))
    }

    /// A network of this configuration with a checkpoint's weights; throws ``WeightsMismatch`` if they are another's.
    public init(_ configuration: VMUNetConfiguration, weights: StateDictionary) throws {
        try self.init(configuration, ParameterStore(weights: weights))
    }

    private init(_ configuration: VMUNetConfiguration, _ store: ParameterStore) throws {
        try configuration.validate()
        let path = store.root / "vmunet"
        let (dims, N) = (configuration.dims, configuration.stateSize)
        (self.configuration, patchEmbedding, encoder, decoder, finalProjection) = try withTorchErrors {
            (
                configuration,
                PatchEmbedding(path / "patch_embed", channels: dims[0]),
                configuration.encoderDropRates.enumerated().map { i, rates in
                    EncoderStage(path / "layers" / i, channels: dims[i], stateSize: N, dropRates: rates, merges: i < 3)
                },
                configuration.decoderDropRates.enumerated().map { i, rates in
                    DecoderStage(path / "layers_up" / i, channels: dims[3 - i], stateSize: N, dropRates: rates, expands: i > 0)
                },
                FinalProjection(path, channels: dims[0], classes: configuration.classes)
            )
        }
        try store.finish()
        parameters = store.parameters
    }

    /// Logits [B, classes, H, W], float32, of images [B, 3 or 1, H, W]; H and W are multiples of 32.
    public func callAsFunction(_ images: Tensor, _ mode: ForwardMode = .inference) -> Tensor {
        var x = Profile.module("patch_embed") { patchEmbedding(images) }  // [B, H/4, W/4, C]
        var inputs: [Tensor] = []
        for (i, stage) in encoder.enumerated() {
            inputs.append(x)  // a stage's skip is its input
            x = Profile.module("layers.\(i)") { stage(x, mode) }  // … [B, H/32, W/32, 8C]
        }
        for (i, stage) in decoder.enumerated() {
            let skip = i > 0 ? inputs[4 - i] : nil
            x = Profile.module("layers_up.\(i)") { stage(x, skip: skip, mode) }  // … [B, H/4, W/4, C]
        }
        return Profile.module("final_up, final_conv") { finalProjection(x) }
    }

    /// The weights as a checkpoint holds them: float32, under the published keys.
    public func stateDictionary() throws -> StateDictionary {
        try withTorchErrors { StateDictionary(parameters.map { ($0.key, $0.tensor.hostTensor()) }) }
    }

    /// Moves every parameter to `device`: a network there, of the same weights.
    public func on(_ device: Device) throws -> VMUNet {
        if device.isCPU { return self }
        let moved = try withTorchErrors { Dictionary(uniqueKeysWithValues: parameters.map { ($0.key, $0.tensor.to(device)) }) }
        return try VMUNet(configuration, ParameterStore(tensors: moved))
    }
}
