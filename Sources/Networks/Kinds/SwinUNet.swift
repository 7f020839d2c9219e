import Files
import Segmentation
import TensorFiles
import Torch
import VMUNet

extension NetworkKind {
    /// Swin-Unet (H. Cao et al., 2021), under its published keys.
    static let swinUNet = NetworkKind(
        "swin-unet", title: "Swin-Unet",
        published: .init(
            marker: "swin_unet.concat_back_dim.1.weight", stem: "swin_unet.patch_embed.proj.weight", head: "swin_unet.output.weight",
            imageSize: SwinUNet.imageSize)
    ) { options, shape, store in
        var configuration = SwinUNet.Configuration(
            classes: shape.classes, inputChannels: shape.inputChannels, imageSize: shape.imageSize)
        configuration.channels = options.integer("channels", 96, in: 4...4096)
        configuration.depths = options.integers("depths", [2, 2, 2, 2], in: 1...1000)
        configuration.heads = options.integers("heads", [3, 6, 12, 24], in: 1...4096)
        // Windows of 7 fit pictures of 224; windows of 8 fit powers of two.
        configuration.window = options.integer("window", shape.imageSize.isMultiple(of: 7) ? 7 : 8, in: 2...64)
        configuration.dropPath = options.number("drop_path", 0.2, in: 0..<1)
        try configuration.validate()
        return try SwinUNet(configuration, store)
    }
}

/// Swin-Unet: a U-Net whose blocks attend inside windows; every second block shifts its windows by
/// half their size. Maps are channels-last. The blocks are in SwinBlock.swift.
struct SwinUNet: SegmentationNetwork {
    struct Configuration: Sendable {
        var classes = 1
        var inputChannels = 3
        /// Height and width of pictures; decides which maps are smaller than a window.
        var imageSize = 224
        /// Channels of the largest map.
        var channels = 96
        /// Blocks of each encoder stage; the decoder mirrors them.
        var depths = [2, 2, 2, 2]
        /// Attention heads of each stage.
        var heads = [3, 6, 12, 24]
        /// Rows and columns of a window.
        var window = 7
        var dropPath = 0.2

        /// The side of stage i's maps; the side of its windows.
        func side(_ i: Int) -> Int { (imageSize / 4) >> i }
        func window(_ i: Int) -> Int { min(window, side(i)) }

        func validate() throws(NetworkSettingsError) {
            var problems: [InvalidSetting] = []
            for i in 0..<4 where !(channels << i).isMultiple(of: heads[i]) {
                problems.append(.init("heads", expected: "divisors of \(channels << i) for stage \(i)", got: "\(heads[i])"))
            }
            let fits = imageSize.isMultiple(of: 32) && (0..<4).allSatisfy { side($0).isMultiple(of: window($0)) }
            if !fits {
                problems.append(
                    .init(
                        "window", expected: "windows that divide the maps of pictures of \(imageSize)",
                        got: "\(window); 7 fits pictures of 224, 8 fits 128 and 256"))
            }
            if !problems.isEmpty { throw NetworkSettingsError(problems: problems) }
        }
    }

    let configuration: Configuration
    let parameters: [(key: String, tensor: Tensor)]
    let buffers: [(key: String, tensor: Tensor)]

    private let patches: Tensor  // patch_embed.proj.weight [C, channels, 4, 4]
    private let patchBias: Tensor  // patch_embed.proj.bias [C]
    private let patchNorm: LayerNorm  // patch_embed.norm
    private let encoder: [[SwinBlock]]  // layers.i.blocks.j
    private let merging: [(LayerNorm, Linear)]  // layers.i.downsample.norm, .reduction
    private let norm: LayerNorm  // norm
    private let decoder: [[SwinBlock]]  // layers_up.i.blocks.j, from stage 1
    private let expanding: [(Linear, LayerNorm)]  // layers_up.0, layers_up.i.upsample: .expand, .norm
    private let joining: [Linear]  // concat_back_dim.i
    private let upNorm: LayerNorm  // norm_up
    private let finalExpanding: (Linear, LayerNorm)  // up.expand, up.norm
    private let output: Tensor  // output.weight [classes, C, 1, 1]

    var classes: Int { configuration.classes }
    var inputChannels: Int { configuration.inputChannels }
    /// Every stage's map must consist of whole windows.
    var sizeMultiple: Int { (0..<4).reduce(32) { lcm($0, configuration.window($1) * 4 << $1) } }

    init(_ configuration: Configuration, _ store: ParameterStore) throws {
        self.configuration = configuration
        let (sizes, C, path) = (configuration, configuration.channels, store.root / "swin_unet")
        let rates = linearRates(upTo: sizes.dropPath, sizes.depths.reduce(0, +))
        func blocks(_ path: TorchPath, _ i: Int) -> [SwinBlock] {
            let first = sizes.depths[..<i].reduce(0, +)
            return (0..<sizes.depths[i]).map { j in
                let block = SwinBlock.Configuration(
                    channels: C << i, heads: sizes.heads[i], side: sizes.side(i), window: sizes.window(i),
                    isShifted: j % 2 == 1 && sizes.side(i) > sizes.window, dropRate: rates[first + j])
                return SwinBlock(path / "blocks" / j, block)
            }
        }
        func expand(_ path: TorchPath, _ channels: Int) -> (Linear, LayerNorm) {
            (Linear(path / "expand", channels, 2 * channels, hasBias: false), LayerNorm(path / "norm", channels: channels / 2))
        }
        let made = try withTorchErrors {
            let bound = 1 / Double(sizes.inputChannels * 16).squareRoot()
            let patch = path / "patch_embed"
            let start = (
                patch.parameter("proj.weight", [C, sizes.inputChannels, 4, 4], .uniform(bound: bound)),
                patch.parameter("proj.bias", [C], .uniform(bound: bound)), LayerNorm(patch / "norm", channels: C)
            )
            let encoder = (0..<4).map { i in blocks(path / "layers" / i, i) }
            let merging = (0..<3).map { i -> (LayerNorm, Linear) in
                let (path, channels) = (path / "layers" / i / "downsample", C << i)
                let norm = LayerNorm(path / "norm", channels: 4 * channels)
                return (norm, Linear(path / "reduction", 4 * channels, 2 * channels, hasBias: false))
            }
            let up = path / "layers_up"
            let decoder = (1..<4).map { i in blocks(up / i, 3 - i) }
            let expanding = [expand(up / 0, C << 3), expand(up / 1 / "upsample", C << 2), expand(up / 2 / "upsample", C << 1)]
            let joining = (1..<4).map { i -> Linear in
                let channels = C << (3 - i)
                return Linear(path / "concat_back_dim" / i, 2 * channels, channels)
            }
            let end = (
                LayerNorm(path / "norm", channels: C << 3), LayerNorm(path / "norm_up", channels: C),
                (Linear(path / "up" / "expand", C, 16 * C, hasBias: false), LayerNorm(path / "up" / "norm", channels: C)),
                (path / "output").parameter("weight", [sizes.classes, C, 1, 1], .uniform(bound: 1 / Double(C).squareRoot()))
            )
            return (start, encoder, merging, decoder, expanding, joining, end)
        }
        ((patches, patchBias, patchNorm), encoder, merging, decoder, expanding, joining, (norm, upNorm, finalExpanding, output)) = made
        parameters = try store.finish()
        buffers = store.buffers
    }

    func rebuilt(from store: ParameterStore) throws -> SwinUNet { try SwinUNet(configuration, store) }

    /// The picture size of published weights, read off a shifted block's mask.
    @Sendable static func imageSize(_ weights: StateDictionary) -> Int? {
        guard let mask = weights["swin_unet.layers.0.blocks.1.attn_mask"]?.shape, mask.count == 3 else { return nil }
        return 4 * Int((Double(mask[0]) * Double(mask[1])).squareRoot().rounded())
    }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        var x = TorchEngine.module("patch_embed") {
            let pixels = TorchEngine.patchify(images, channels: inputChannels)  // [B, H/4, W/4, 16 · input channels]
            return patchNorm(TorchEngine.linear(pixels, patches, bias: patchBias, residual: nil, to: nil))  // [B, H/4, W/4, C]
        }
        var skips: [Tensor] = []
        for i in 0..<4 {
            skips.append(x)
            x = run(encoder[i], "layers.\(i)", x, mode)
            if i < 3 {
                x = TorchEngine.module("layers.\(i).downsample") {
                    let (norm, reduction) = merging[i]
                    let joined = TorchEngine.mergeNorm(x, norm.weight, norm.bias, to: .float32)
                    return reduction(joined, mode.precision).to(.float32)  // … [B, H/32, W/32, 8C]
                }
            }
        }
        x = norm(x)
        for i in 0..<4 {
            if i > 0 {
                x = joining[i - 1](.concatenated([x, skips[3 - i]], axis: 3), mode.precision).to(.float32)
                x = run(decoder[i - 1], "layers_up.\(i)", x, mode)
            }
            if i < 3 {
                x = TorchEngine.module("layers_up.\(i).upsample") { expanded(x, expanding[i], scale: 2, mode) }  // … [B, H/4, W/4, C]
            }
        }
        return TorchEngine.module("up, output") {
            let y = expanded(upNorm(x), finalExpanding, scale: 4, mode)  // [B, H, W, C]
            return y.linear(output.reshaped([classes, y.size(3)])).permuted([0, 3, 1, 2]).contiguous()  // [B, classes, H, W]
        }
    }

    private func run(_ blocks: [SwinBlock], _ name: String, _ input: Tensor, _ mode: ForwardMode) -> Tensor {
        var x = input
        for (j, block) in blocks.enumerated() { x = TorchEngine.module("\(name).blocks.\(j)") { block(x, mode) } }
        return x
    }

    /// Expands channels into space: [B, H, W, C] → [B, H · scale, W · scale, ..].
    private func expanded(_ x: Tensor, _ layers: (Linear, LayerNorm), scale: Int, _ mode: ForwardMode) -> Tensor {
        TorchEngine.expandNorm(layers.0(x, mode.precision).to(.float32), layers.1.weight, layers.1.bias, scale: scale)
    }
}

/// The least common multiple.
private func lcm(_ a: Int, _ b: Int) -> Int {
    var (x, y) = (a, b)
    while y > 0 { (x, y) = (y, x % y) }
    return a / x * b
}

/// `count` rates of stochastic depth, from 0 to `last`.
private func linearRates(upTo last: Double, _ count: Int) -> [Double] {
    (0..<count).map { count > 1 ? last * Double($0) / Double(count - 1) : 0 }
}
