import Segmentation
import Torch
import VMUNet

extension NetworkKind {
    /// U-Net (Ronneberger et al., 2015) with batch normalisation and padded convolutions, under the
    /// keys of the usual PyTorch implementation.
    static let unet = NetworkKind(
        "unet", title: "U-Net",
        published: .init(marker: "inc.double_conv.0.weight", stem: "inc.double_conv.0.weight", head: "outc.conv.weight")
    ) { options, shape, store in
        let channels = options.integer("channels", 64, in: 2...256)
        let upsampling = options.choice("upsampling", UNet.Upsampling.transposed)
        return try UNet(
            .init(classes: shape.classes, inputChannels: shape.inputChannels, channels: channels, upsampling: upsampling), store)
    }
}

/// U-Net: four steps down, each halving the size and doubling the channels, and four steps up, each
/// with a skip from the map of its size.
struct UNet: SegmentationNetwork {
    /// Doubles a map on the way up.
    enum Upsampling: String, CaseIterable, Sendable {
        /// By a learned convolution.
        case transposed
        /// By interpolation, corners aligned; the channels then halve in the convolutions.
        case bilinear
    }

    struct Configuration: Sendable {
        var classes = 1
        var inputChannels = 3
        /// Channels of the largest map; 64 make 31 million parameters.
        var channels = 64
        var upsampling = Upsampling.transposed
    }

    let configuration: Configuration
    let parameters: [(key: String, tensor: Tensor)]
    let buffers: [(key: String, tensor: Tensor)]

    private let input: DoubleConvolution  // inc
    private let down: [DoubleConvolution]  // down1 … down4
    private let up: [Up]  // up1 … up4
    private let output: Convolution  // outc.conv

    var classes: Int { configuration.classes }
    var inputChannels: Int { configuration.inputChannels }
    var sizeMultiple: Int { 16 }

    init(_ configuration: Configuration, _ store: ParameterStore) throws {
        self.configuration = configuration
        let (C, path, upsampling) = (configuration.channels, store.root, configuration.upsampling)
        let shrink = upsampling == .bilinear ? 2 : 1
        let made = try withTorchErrors {
            let input = DoubleConvolution(path / "inc", configuration.inputChannels, C)
            let down = (1...4).map { i in
                DoubleConvolution(path / "down\(i)" / "maxpool_conv" / 1, C << (i - 1), i == 4 ? (C << 4) / shrink : C << i)
            }
            let up = (1...4).map { i in
                Up(path / "up\(i)", C << (5 - i), i == 4 ? C : (C << (4 - i)) / shrink, upsampling)
            }
            return (input, down, up, Convolution(path / "outc" / "conv", C, configuration.classes, kernel: 1))
        }
        (input, down, up, output) = made
        parameters = try store.finish()
        buffers = store.buffers
    }

    func rebuilt(from store: ParameterStore) throws -> UNet { try UNet(configuration, store) }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        var x = TorchEngine.module("inc") { input(images.repeated(channels: inputChannels), mode) }  // [B, C, H, W]
        var skips: [Tensor] = []
        for (i, stage) in down.enumerated() {
            skips.append(x)
            x = TorchEngine.module("down\(i + 1)") { stage(x.maxPooled(2), mode) }  // … [B, 16C, H/16, W/16]
        }
        for (i, stage) in up.enumerated() {
            x = TorchEngine.module("up\(i + 1)") { stage(x, skip: skips[3 - i], mode) }  // … [B, C, H, W]
        }
        return TorchEngine.module("outc") { output(x, .float32) }  // [B, classes, H, W]
    }

    /// Two 3×3 convolutions, each with batch normalisation and ReLU.
    private struct DoubleConvolution: Sendable {
        let first: NormedConvolution  // double_conv.0, double_conv.1
        let second: NormedConvolution  // double_conv.3, double_conv.4

        init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, between: Int? = nil) {
            let (path, middle) = (path / "double_conv", between ?? outputs)
            first = NormedConvolution(path / 0, norm: path / 1, inputs, middle, hasBias: false)
            second = NormedConvolution(path / 3, norm: path / 4, middle, outputs, hasBias: false)
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor { second(first(x, mode), mode) }
    }

    /// Doubles the map, concatenates the skip, and convolves.
    private struct Up: Sendable {
        let upsample: TransposedConvolution?  // up
        let convolutions: DoubleConvolution  // conv

        /// `inputs` counts the channels of both maps.
        init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, _ upsampling: Upsampling) {
            upsample = upsampling == .transposed ? TransposedConvolution(path / "up", inputs, inputs / 2, scale: 2) : nil
            convolutions = DoubleConvolution(path / "conv", inputs, outputs, between: upsampling == .bilinear ? inputs / 2 : nil)
        }

        func callAsFunction(_ x: Tensor, skip: Tensor, _ mode: ForwardMode) -> Tensor {
            let larger = upsample?(x, mode.precision) ?? x.doubled()
            return convolutions(.concatenated([skip, larger], axis: 1), mode)
        }
    }
}
