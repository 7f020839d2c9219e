import Segmentation
import Torch
import VMUNet

extension NetworkKind {
    /// VM-UNetV2 (Zhang et al., 2024), under its published keys.
    static let vmunetV2 = NetworkKind(
        "vmunet-v2", title: "VM-UNetV2",
        published: .init(marker: "sdi_1.convs.0.weight", stem: "vmunet.patch_embed.proj.weight", head: "seg_outs.3.weight")
    ) { options, shape, store in
        var encoder = VMUNetConfiguration(classes: shape.classes, inputChannels: shape.inputChannels)
        encoder.dims = options.integers("dims", [96, 192, 384, 768], in: 16...131_072)
        encoder.depths = options.integers("depths", [2, 2, 9, 2], in: 1...1000)
        encoder.stateSize = options.integer("state_size", 16, in: 1...256)
        encoder.dropPath = options.number("drop_path", 0.2, in: 0..<1)
        let channels = options.integer("skip_channels", 48, in: 1...4096)
        return try VMUNetV2(.init(encoder: encoder, skipChannels: channels), store)
    }
}

/// VM-UNetV2: VM-UNet's encoder; its skips are weighed by channel and spatial attention and
/// multiplied with each other at every scale (the paper's SDI); then a light decoder.
///
/// As in the published code, the skips are the inputs of the encoder's stages, so the last stage's
/// weights have no effect.
struct VMUNetV2: SegmentationNetwork {
    struct Configuration: Sendable {
        /// Sizes of the encoder, and the classes; its decoder depths are ignored.
        var encoder = VMUNetConfiguration()
        /// Channels of every skip in the decoder.
        var skipChannels = 48
    }

    let configuration: Configuration
    let parameters: [(key: String, tensor: Tensor)]
    let buffers: [(key: String, tensor: Tensor)]

    private let encoder: VMUNetEncoder<TorchEngine>  // vmunet
    private let skips: [Skip]  // ca_i, sa_i, Translayer_i
    private let infusions: [Infusion]  // sdi_1 … sdi_4
    private let outputs: [Convolution]  // seg_outs.0 … seg_outs.3, coarse to fine
    private let up: [TransposedConvolution]  // deconv2 … deconv5; deconv5 is unused
    private let upOfOutput: TransposedConvolution  // deconv6

    var classes: Int { configuration.encoder.classes }
    var inputChannels: Int { configuration.encoder.inputChannels }
    var sizeMultiple: Int { 32 }

    init(_ configuration: Configuration, _ store: ParameterStore) throws {
        self.configuration = configuration
        let (sizes, C, path) = (configuration.encoder, configuration.skipChannels, store.root)
        try sizes.validate()
        let made = try withTorchErrors {
            (
                VMUNetEncoder<TorchEngine>(sizes, path / "vmunet"),
                sizes.dims.enumerated().map { Skip(path, $0 + 1, $1, C) },
                (1...4).map { Infusion(path / "sdi_\($0)" / "convs", channels: C) },
                (0..<4).map { Convolution(path / "seg_outs" / $0, C, sizes.classes, kernel: 1) },
                (2...5).map { TransposedConvolution(path / "deconv\($0)", C, C, scale: 2, kernel: 4, hasBias: false) },
                TransposedConvolution(path / "deconv6", 1, 1, scale: 2, kernel: 3)
            )
        }
        (encoder, skips, infusions, outputs, up, upOfOutput) = made
        parameters = try store.finish()
        buffers = store.buffers
    }

    func rebuilt(from store: ParameterStore) throws -> VMUNetV2 { try VMUNetV2(configuration, store) }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        let inputs = encoder.inputsOfStages(images, mode)  // [B, H/4, W/4, C] … [B, H/32, W/32, 8C]
        let maps = zip(inputs, skips).enumerated().map { i, pair in
            TorchEngine.module("Translayer_\(i + 1)") { pair.1(pair.0.permuted([0, 3, 1, 2]), mode) }  // [B, 48, H/4, W/4] …
        }
        let infused = infusions.enumerated().map { i, infusion in
            TorchEngine.module("sdi_\(i + 1)") { infusion(maps, size: maps[i], mode) }
        }
        var x = infused[3]  // [B, 48, H/32, W/32]
        var coarser = x
        for i in 0..<3 {
            coarser = x
            x = TorchEngine.module("deconv\(i + 2)") { up[i](x, mode.precision) + infused[2 - i] }  // … [B, 48, H/4, W/4]
        }
        return TorchEngine.module("seg_outs") {
            let logits = enlarged(outputs[3](x, .float32))  // [B, classes, H, W]
            // With one class, the second finest output contributes.
            return classes == 1 ? logits + upOfOutput(enlarged(outputs[2](coarser, .float32)), .float32) : logits
        }
    }

    private func enlarged(_ x: Tensor) -> Tensor { x.upsampledBilinear(height: 4 * x.size(2), width: 4 * x.size(3)) }

    /// Weighs a skip by channel attention, then spatial attention, and reduces its channels.
    private struct Skip: Sendable {
        let squeeze: Convolution  // ca_i.fc1
        let excite: Convolution  // ca_i.fc2
        let places: Convolution  // sa_i.conv1
        let projection: Convolution  // Translayer_i.conv
        let norm: BatchNorm  // Translayer_i.bn

        init(_ path: TorchPath, _ i: Int, _ inputs: Int, _ outputs: Int) {
            squeeze = Convolution(path / "ca_\(i)" / "fc1", inputs, inputs / 16, kernel: 1, hasBias: false)
            excite = Convolution(path / "ca_\(i)" / "fc2", inputs / 16, inputs, kernel: 1, hasBias: false)
            places = Convolution(path / "sa_\(i)" / "conv1", 2, 1, kernel: 7, hasBias: false)
            projection = Convolution(path / "Translayer_\(i)" / "conv", inputs, outputs, kernel: 1, hasBias: false)
            norm = BatchNorm(path / "Translayer_\(i)" / "bn", channels: outputs)
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, inputs, H, W]
            func weights(_ summary: Tensor) -> Tensor {
                excite(squeeze(summary, mode.precision).rectified(), mode.precision)
            }
            var y = (weights(x.mean(keepingAxes: [2, 3])) + weights(x.maxPooled(height: 1, width: 1))).sigmoid() * x
            let summary = Tensor.concatenated([y.mean(keepingAxes: [1]), y.greatest(keepingAxis: 1)], axis: 1)  // [B, 2, H, W]
            y = places(summary, mode.precision).sigmoid() * y
            return norm(projection(y, mode.precision), isTraining: mode.isTraining)  // [B, outputs, H, W]
        }
    }

    /// Resizes every skip to one size, convolves each, and multiplies them.
    private struct Infusion: Sendable {
        let convolutions: [Convolution]  // 0 … 3

        init(_ path: TorchPath, channels C: Int) { convolutions = (0..<4).map { Convolution(path / $0, C, C, kernel: 3) } }

        func callAsFunction(_ maps: [Tensor], size: Tensor, _ mode: ForwardMode) -> Tensor {
            let (H, W) = (size.size(2), size.size(3))
            let same = maps.map { x in
                if x.size(3) > W { return x.averagePooled(height: H, width: W) }
                return x.size(3) < W ? x.upsampledBilinear(height: H, width: W, alignsCorners: true) : x
            }
            let factors = zip(convolutions, same).map { $0($1, mode.precision) }
            return factors.dropFirst().reduce(factors[0]) { $0 * $1 }  // [B, C, H, W]
        }
    }
}
