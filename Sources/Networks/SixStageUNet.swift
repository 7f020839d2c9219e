import Torch
import VMUNet

/// MALUNet (Ruan et al., 2022) and UltraLight VM-UNet (Wu et al., 2024), under their published
/// keys: six stages of few channels, with skips through an attention bridge. Three stages are
/// convolutions; the two networks differ in the others.
struct SixStageUNet<Stage: SixStageUNetStage>: SegmentationNetwork {
    let parameters: [(key: String, tensor: Tensor)]
    private let shape: NetworkShape
    /// Channels of the six stages, multiples of four.
    private let channels: [Int]
    private let layers: SixStageLayers<Stage>

    var classes: Int { shape.classes }
    var inputChannels: Int { shape.inputChannels }
    var sizeMultiple: Int { 32 }

    init(_ shape: NetworkShape, channels: [Int], _ store: ParameterStore) throws {
        (self.shape, self.channels) = (shape, channels)
        layers = try withTorchErrors {
            SixStageLayers(store.root, channels: channels, inputChannels: shape.inputChannels, classes: shape.classes)
        }
        parameters = try store.finish()
    }

    func rebuilt(from store: ParameterStore) throws -> SixStageUNet { try SixStageUNet(shape, channels: channels, store) }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor { layers(images.repeated(channels: inputChannels), mode) }
}

extension NetworkKind {
    /// A network of six stages; `marker` is a key that only its stages have.
    static func sixStages<Stage: SixStageUNetStage>(
        _ name: String, title: String, of stage: Stage.Type, marker: String
    ) -> NetworkKind {
        NetworkKind(name, title: title, published: .init(marker: marker, stem: "encoder1.0.weight", head: "final.weight")) {
            options, shape, store in
            let channels = try options.stageChannels()
            return try SixStageUNet<Stage>(shape, channels: channels, store)
        }
    }
}

private struct SixStageLayers<Stage: SixStageUNetStage>: Sendable {
    private let encoder: [Convolution]  // encoder1.0 … encoder3.0
    private let encoderStages: [Stage]  // encoder4 … encoder6
    private let encoderNorms: [GroupNorm]  // ebn1 … ebn5
    private let bridge: AttentionBridge  // scab
    private let decoderStages: [Stage]  // decoder1 … decoder3
    private let decoder: [Convolution]  // decoder4.0, decoder5.0
    private let decoderNorms: [GroupNorm]  // dbn1 … dbn5
    private let output: Convolution  // final

    /// `channels` has six numbers, multiples of four.
    init(_ path: TorchPath, channels C: [Int], inputChannels: Int, classes: Int) {
        let inputs = [inputChannels] + C
        encoder = (0..<3).map { Convolution(path / "encoder\($0 + 1)" / 0, inputs[$0], C[$0], kernel: 3, start: .normal) }
        encoderStages = (3..<6).map { Stage(path / "encoder\($0 + 1)", C[$0 - 1], C[$0], isDecoder: false) }
        bridge = AttentionBridge(path / "scab", channels: Array(C.prefix(5)))
        decoderStages = (1...3).map { Stage(path / "decoder\($0)", C[6 - $0], C[5 - $0], isDecoder: true) }
        decoder = (4...5).map { Convolution(path / "decoder\($0)" / 0, C[6 - $0], C[5 - $0], kernel: 3, start: .normal) }
        encoderNorms = (0..<5).map { GroupNorm(path / "ebn\($0 + 1)", channels: C[$0], groups: 4) }
        decoderNorms = (1...5).map { GroupNorm(path / "dbn\($0)", channels: C[5 - $0], groups: 4) }
        output = Convolution(path / "final", C[0], classes, kernel: 1, start: .normal)
    }

    /// Images [B, input channels, H, W] → logits [B, classes, H, W], float32.
    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        var x = images
        var skips: [Tensor] = []
        for i in 0..<5 {
            x = TorchEngine.module("encoder\(i + 1)") {
                let y = i < 3 ? encoder[i](x, mode.precision) : encoderStages[i - 3](x, mode)
                return encoderNorms[i](y).maxPooled(2).gelu()  // … [B, C₅, H/32, W/32]
            }
            skips.append(x)
        }
        skips = bridge(skips, mode)
        x = TorchEngine.module("encoder6") { encoderStages[2](x, mode).gelu() }  // [B, C₆, H/32, W/32]
        for i in 0..<5 {
            x = TorchEngine.module("decoder\(i + 1)") {
                let y = decoderNorms[i](i < 3 ? decoderStages[i](x, mode) : decoder[i - 3](x, mode.precision))
                return (i > 0 ? y.doubled() : y).gelu() + skips[4 - i]  // … [B, C₁, H/2, W/2]
            }
        }
        return TorchEngine.module("final") { output(x, .float32).doubled() }  // [B, classes, H, W]
    }
}

/// A stage of such a network: [B, inputs, H, W] → [B, outputs, H, W].
protocol SixStageUNetStage: Sendable {
    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, isDecoder: Bool)
    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor
}

/// Spatial attention on each skip, then channel attention across all of them.
private struct AttentionBridge: Sendable {
    let places: Convolution  // satt.shared_conv2d.0
    let along: Tensor  // catt.get_all_att.weight [1, 1, 3]
    let channels: [Linear]  // catt.att1 … catt.att5

    init(_ path: TorchPath, channels C: [Int]) {
        along = path.parameter("catt.get_all_att.weight", [1, 1, 3], .normal(2.0 / 3))
        let all = C.reduce(0, +)
        channels = C.enumerated().map { Linear(path / "catt" / "att\($0 + 1)", all, $1) }
        places = Convolution(path / "satt" / "shared_conv2d" / 0, 2, 1, kernel: 7, dilation: 3, start: .normal)
    }

    func callAsFunction(_ skips: [Tensor], _ mode: ForwardMode) -> [Tensor] {  // [B, Cᵢ, Hᵢ, Wᵢ]
        let byPlace = skips.map { x in
            let summary = Tensor.concatenated([x.mean(keepingAxes: [1]), x.greatest(keepingAxis: 1)], axis: 1)  // [B, 2, Hᵢ, Wᵢ]
            return places(summary, mode.precision).sigmoid() * x
        }
        let sums = zip(byPlace, skips).map { $0 + $1 }
        let means = sums.map { $0.mean(keepingAxes: [2, 3]) }  // [B, Cᵢ, 1, 1]
        let all = Tensor.concatenated(means, axis: 1)
        let rows = all.reshaped([all.size(0), 1, all.size(1)]).convolvedAlong(along, padding: 1)  // [B, 1, ΣCᵢ]
        return zip(zip(byPlace, sums), channels).map { maps, layer in
            let weights = layer(rows, mode.precision).sigmoid()  // [B, 1, Cᵢ]
            return weights.reshaped([weights.size(0), weights.size(2), 1, 1]) * maps.1 + maps.0
        }
    }
}

extension NetworkOptions {
    /// The channels of the six stages.
    mutating func stageChannels() throws(NetworkSettingsError) -> [Int] {
        let channels = integers("channels", [8, 16, 24, 32, 48, 64], in: 4...1024)
        guard channels.allSatisfy({ $0.isMultiple(of: 4) }) else {
            throw NetworkSettingsError(problems: [.init("channels", expected: "multiples of 4", got: "\(channels)")])
        }
        return channels
    }
}
