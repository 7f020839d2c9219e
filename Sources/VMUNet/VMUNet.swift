/// Vision Mamba UNet (section III-B, figure 2a), computed by an engine E: patch embedding, four
/// encoder stages, four decoder stages with skips, final projection.
public struct VMUNet<E: Engine>: Sendable {
    /// The engine's activation.
    public typealias Tensor = E.Tensor
    typealias Parameter = E.Parameter
    typealias Operators = E
    typealias Path = ParameterPath<E.Source>

    /// The sizes.
    public let configuration: VMUNetConfiguration
    /// The parameters in the engine's form.
    public let parameters: E.Source.Parameters

    let patchEmbedding: PatchEmbedding  // vmunet.patch_embed
    let encoder: [EncoderStage]  // vmunet.layers.i
    let decoder: [DecoderStage]  // vmunet.layers_up.i
    let finalProjection: FinalProjection  // vmunet.final_up, vmunet.final_conv

    /// A network of this configuration, which must be valid (``VMUNetConfiguration/validate()``),
    /// with parameters from `source`.
    public init(_ configuration: VMUNetConfiguration, from source: E.Source) throws(WeightsMismatch) {
        let path = Path(source) / "vmunet"
        let (dims, N) = (configuration.dims, configuration.stateSize)
        self.configuration = configuration
        patchEmbedding = PatchEmbedding(path / "patch_embed", inputChannels: configuration.inputChannels, channels: dims[0])
        encoder = configuration.encoderDropRates.enumerated().map { i, rates in
            EncoderStage(path, i, channels: dims[i], stateSize: N, dropRates: rates, merges: i < 3)
        }
        decoder = configuration.decoderDropRates.enumerated().map { i, rates in
            DecoderStage(path, i, channels: dims[3 - i], stateSize: N, dropRates: rates, expands: i > 0)
        }
        finalProjection = FinalProjection(path, channels: dims[0], classes: configuration.classes)
        parameters = try source.finish()
    }

    /// Images [B, input channels or 1, H, W] → logits [B, classes, H, W], float32. H and W must be
    /// multiples of 32.
    public func callAsFunction(_ images: Tensor, _ mode: ForwardMode = .inference) -> Tensor { logits(of: images, mode) { _ in } }

    /// Logits as by a call. `stage` receives the map of each decoder stage:
    /// [B, H/32, W/32, 8C], … [B, H/4, W/4, C].
    public func logits(of images: Tensor, _ mode: ForwardMode, stage seen: (Tensor) -> Void) -> Tensor {
        var x = Operators.module("patch_embed") { patchEmbedding(images) }  // [B, H/4, W/4, C]
        var inputs: [Tensor] = []
        for stage in encoder {
            inputs.append(x)  // a stage's skip is its input
            x = stage(x, mode)  // … [B, H/32, W/32, 8C]
        }
        for (i, stage) in decoder.enumerated() {
            x = stage(x, skip: i > 0 ? inputs[4 - i] : nil, mode)  // … [B, H/4, W/4, C]
            seen(x)
        }
        return Operators.module("final_up, final_conv") { finalProjection(x) }
    }
}
