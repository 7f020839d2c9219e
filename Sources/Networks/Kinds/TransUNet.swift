import Files
import Segmentation
import TensorFiles
import Torch
import VMUNet

extension NetworkKind {
    /// TransUNet (Chen et al., 2021) as R50-ViT-B/16, under its published keys and without
    /// pretrained weights.
    static let transUNet = NetworkKind(
        "transunet", title: "TransUNet",
        published: .init(
            marker: "transformer.embeddings.position_embeddings", stem: "transformer.embeddings.hybrid_model.root.conv.weight",
            head: "segmentation_head.0.weight", imageSize: TransUNet.imageSize)
    ) { options, shape, store in
        var configuration = TransUNet.Configuration(
            classes: shape.classes, inputChannels: shape.inputChannels, imageSize: shape.imageSize)
        configuration.width = options.integer("width", 64, in: 32...1024)
        configuration.units = options.integers("units", [3, 4, 9], in: 1...100)
        configuration.hidden = options.integer("hidden", 768, in: 4...8192)
        configuration.layers = options.integer("layers", 12, in: 1...1000)
        configuration.heads = options.integer("heads", 12, in: 1...1024)
        configuration.mlp = options.integer("mlp", 3072, in: 4...65536)
        configuration.decoderChannels = options.integers("decoder_channels", [256, 128, 64, 16], in: 1...4096)
        configuration.dropout = options.number("dropout", 0.1, in: 0..<1)
        try configuration.validate()
        return try TransUNet(configuration, store)
    }
}

/// TransUNet: a residual network, a transformer on its smallest map, and a decoder with skips from
/// the residual network, which is in ResNetV2.swift.
struct TransUNet: SegmentationNetwork {
    struct Configuration: Sendable {
        var classes = 1
        var inputChannels = 3
        /// Height and width of pictures; the transformer learns a position for each square of
        /// 16×16.
        var imageSize = 224
        /// Channels of the residual network's first map, a multiple of 32.
        var width = 64
        /// Units of each block of the residual network.
        var units = [3, 4, 9]
        /// Channels, blocks, heads and inner width of the transformer.
        var hidden = 768
        var layers = 12
        var heads = 12
        var mlp = 3072
        var decoderChannels = [256, 128, 64, 16]
        var dropout = 0.1

        func validate() throws(NetworkSettingsError) {
            var problems: [InvalidSetting] = []
            if !width.isMultiple(of: 32) { problems.append(.init("width", expected: "a multiple of 32", got: "\(width)")) }
            if !hidden.isMultiple(of: heads) {
                problems.append(.init("heads", expected: "a divisor of \(hidden)", got: "\(heads)"))
            }
            if !problems.isEmpty { throw NetworkSettingsError(problems: problems) }
        }
    }

    private static let epsilon = 1e-6
    private static let neckChannels = 512

    let configuration: Configuration
    let parameters: [(key: String, tensor: Tensor)]
    let buffers: [(key: String, tensor: Tensor)]

    private let backbone: ResNetV2  // transformer.embeddings.hybrid_model
    private let embedding: Convolution  // transformer.embeddings.patch_embeddings
    private let places: Tensor  // transformer.embeddings.position_embeddings [1, tokens, hidden]
    private let blocks: [Block]  // transformer.encoder.layer.i
    private let norm: LayerNorm  // transformer.encoder.encoder_norm
    private let neck: NormedConvolution  // decoder.conv_more
    private let up: [Up]  // decoder.blocks.i
    private let output: Convolution  // segmentation_head.0

    var classes: Int { configuration.classes }
    var inputChannels: Int { configuration.inputChannels }
    var sizeMultiple: Int { 16 }

    init(_ configuration: Configuration, _ store: ParameterStore) throws {
        self.configuration = configuration
        let (sizes, root) = (configuration, store.root)
        let made = try withTorchErrors {
            let path = root / "transformer"
            let backbone = ResNetV2(
                path / "embeddings" / "hybrid_model", inputChannels: sizes.inputChannels, width: sizes.width, units: sizes.units)
            let embedding = Convolution(path / "embeddings" / "patch_embeddings", 16 * sizes.width, sizes.hidden, kernel: 1)
            let side = sizes.imageSize / 16
            let places = (path / "embeddings").parameter("position_embeddings", [1, side * side, sizes.hidden], .constant(0))
            let blocks = (0..<sizes.layers).map { Block(path / "encoder" / "layer" / $0, sizes) }
            let norm = LayerNorm(path / "encoder" / "encoder_norm", channels: sizes.hidden, epsilon: Self.epsilon)
            let neck = NormedConvolution.numbered(root / "decoder" / "conv_more", sizes.hidden, Self.neckChannels)
            let inputs = [Self.neckChannels] + sizes.decoderChannels, skips = [8, 4, 1, 0].map { $0 * sizes.width }
            let up = (0..<4).map { Up(root / "decoder" / "blocks" / $0, inputs[$0] + skips[$0], inputs[$0 + 1]) }
            let output = Convolution(root / "segmentation_head" / 0, inputs[4], sizes.classes, kernel: 3)
            return (backbone, embedding, places, blocks, norm, neck, up, output)
        }
        (backbone, embedding, places, blocks, norm, neck, up, output) = made
        parameters = try store.finish()
        buffers = store.buffers
    }

    func rebuilt(from store: ParameterStore) throws -> TransUNet { try TransUNet(configuration, store) }

    /// The picture size of published weights.
    @Sendable static func imageSize(_ weights: StateDictionary) -> Int? {
        guard let places = weights["transformer.embeddings.position_embeddings"]?.shape, places.count == 3 else { return nil }
        return 16 * Int(Double(places[1]).squareRoot().rounded())
    }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        let (map, skips) = backbone(images.repeated(channels: inputChannels), mode)  // [B, 16 width, H/16, W/16]
        let (B, H, W) = (map.size(0), map.size(2), map.size(3))
        var x = TorchEngine.module("transformer.embeddings") {
            let tokens = embedding(map, mode.precision).to(.float32).reshaped([B, -1, H * W]).transposed(1, 2)
            return (tokens + places(height: H, width: W)).droppedOut(configuration.dropout, mode)  // [B, tokens, hidden]
        }
        for (i, block) in blocks.enumerated() { x = TorchEngine.module("transformer.encoder.layer.\(i)") { block(x, mode) } }
        x = TorchEngine.module("decoder.conv_more") {
            neck(norm(x).transposed(1, 2).reshaped([B, configuration.hidden, H, W]), mode)  // [B, 512, H/16, W/16]
        }
        for (i, stage) in up.enumerated() {
            x = TorchEngine.module("decoder.blocks.\(i)") { stage(x, skip: i < 3 ? skips[2 - i] : nil, mode) }  // … [B, 16, H, W]
        }
        return TorchEngine.module("segmentation_head") { output(x, .float32) }  // [B, classes, H, W]
    }

    /// The learned positions, interpolated for pictures of another size.
    private func places(height: Int, width: Int) -> Tensor {
        let side = configuration.imageSize / 16
        if height == side, width == side { return places }
        let map = places.transposed(1, 2).reshaped([1, configuration.hidden, side, side])
        return map.upsampledBilinear(height: height, width: width, alignsCorners: true).reshaped([1, configuration.hidden, height * width])
            .transposed(1, 2)
    }

    /// A transformer block: attention over all tokens, then an MLP.
    private struct Block: Sendable {
        let norm: LayerNorm  // attention_norm
        let query: Linear  // attn.query
        let key: Linear  // attn.key
        let value: Linear  // attn.value
        let output: Linear  // attn.out
        let mlpNorm: LayerNorm  // ffn_norm
        let mlp: TokenMLP  // ffn
        let heads: Int

        init(_ path: TorchPath, _ sizes: Configuration) {
            let (C, bound) = (sizes.hidden, InitialValues.uniform(bound: 1 / Double(sizes.hidden).squareRoot()))
            let layer = { (name: String) in Linear(path / "attn" / name, C, C, weights: bound, biases: bound) }
            norm = LayerNorm(path / "attention_norm", channels: C, epsilon: TransUNet.epsilon)
            (query, key, value, output) = (layer("query"), layer("key"), layer("value"), layer("out"))
            mlpNorm = LayerNorm(path / "ffn_norm", channels: C, epsilon: TransUNet.epsilon)
            let wide = InitialValues.uniform(bound: (6 / Double(C + sizes.mlp)).squareRoot())
            mlp = TokenMLP(path / "ffn", channels: C, hidden: sizes.mlp, dropout: sizes.dropout, weights: wide, biases: .normal(1e-12))
            heads = sizes.heads
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, tokens, hidden]
            let (B, L, C) = (x.size(0), x.size(1), x.size(2))
            let normed = norm(x)
            func split(_ layer: Linear) -> Tensor { layer(normed, mode.precision).reshaped([B, L, heads, C / heads]).transposed(1, 2) }
            let attended = Tensor.attention(split(query), split(key), split(value)).transposed(1, 2).reshaped([B, L, C])
            let y = x + output(attended, mode.precision).to(.float32)
            return y + mlp(mlpNorm(y), mode).to(.float32)
        }
    }

    /// Doubles the map, concatenates a skip of the residual network, and convolves.
    private struct Up: Sendable {
        let first: NormedConvolution  // conv1
        let second: NormedConvolution  // conv2

        init(_ path: TorchPath, _ inputs: Int, _ outputs: Int) {
            first = .numbered(path / "conv1", inputs, outputs)
            second = .numbered(path / "conv2", outputs, outputs)
        }

        func callAsFunction(_ x: Tensor, skip: Tensor?, _ mode: ForwardMode) -> Tensor {
            let larger = x.doubled()
            let both = skip.map { Tensor.concatenated([larger.to($0.elementType), $0], axis: 1) } ?? larger
            return second(first(both, mode), mode)
        }
    }
}

extension NormedConvolution {
    /// The convolution is `path`.0 and the norm `path`.1.
    fileprivate static func numbered(_ path: TorchPath, _ inputs: Int, _ outputs: Int) -> NormedConvolution {
        NormedConvolution(path / 0, norm: path / 1, inputs, outputs, hasBias: false)
    }
}
