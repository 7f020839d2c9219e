/// VM-UNet's encoder (section III-B) for networks with another decoder: patch embedding and four
/// stages under their keys.
public struct VMUNetEncoder<E: Engine>: Sendable {
    private let patchEmbedding: VMUNet<E>.PatchEmbedding  // patch_embed
    private let stages: [VMUNet<E>.EncoderStage]  // layers.i

    /// An encoder of this configuration, which must be valid (``VMUNetConfiguration/validate()``),
    /// with parameters from below `path`.
    public init(_ configuration: VMUNetConfiguration, _ path: ParameterPath<E.Source>) {
        let (dims, N) = (configuration.dims, configuration.stateSize)
        patchEmbedding = .init(path / "patch_embed", inputChannels: configuration.inputChannels, channels: dims[0])
        stages = configuration.encoderDropRates.enumerated().map { i, rates in
            .init(path, i, channels: dims[i], stateSize: N, dropRates: rates, merges: i < 3)
        }
    }

    /// The stages' inputs, VM-UNet's skips, of images [B, input channels or 1, H, W]: [B, H/4, W/4,
    /// C], [B, H/8, W/8, 2C], [B, H/16, W/16, 4C], [B, H/32, W/32, 8C]. The last stage's blocks are
    /// not computed.
    public func inputsOfStages(_ images: E.Tensor, _ mode: ForwardMode = .inference) -> [E.Tensor] {
        var inputs = [E.module("patch_embed") { patchEmbedding(images) }]
        for stage in stages.dropLast() { inputs.append(stage(inputs[inputs.count - 1], mode)) }
        return inputs
    }
}
