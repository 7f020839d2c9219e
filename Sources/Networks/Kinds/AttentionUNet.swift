import Segmentation
import Torch
import VMUNet

extension NetworkKind {
    /// Attention U-Net (Oktay et al., 2018), under the keys of the usual PyTorch implementation.
    static let attentionUNet = NetworkKind(
        "attention-unet", title: "Attention U-Net",
        published: .init(marker: "Att5.psi.0.weight", stem: "Conv1.conv.0.weight", head: "Conv_1x1.weight")
    ) { options, shape, store in
        let channels = options.integer("channels", 64, in: 2...256)
        return try AttentionUNet(.init(classes: shape.classes, inputChannels: shape.inputChannels, channels: channels), store)
    }
}

/// Attention U-Net: a U-Net whose skips pass through gates. A gate weighs each position of the skip
/// by the decoder's map at that position.
struct AttentionUNet: SegmentationNetwork {
    struct Configuration: Sendable {
        var classes = 1
        var inputChannels = 3
        /// Channels of the largest map; 64 make 34.9 million parameters.
        var channels = 64
    }

    let configuration: Configuration
    let parameters: [(key: String, tensor: Tensor)]
    let buffers: [(key: String, tensor: Tensor)]

    private let down: [Convolutions]  // Conv1 … Conv5
    private let up: [Up]  // Up5, Att5, Up_conv5 … Up2, Att2, Up_conv2
    private let output: Convolution  // Conv_1x1

    var classes: Int { configuration.classes }
    var inputChannels: Int { configuration.inputChannels }
    var sizeMultiple: Int { 16 }

    init(_ configuration: Configuration, _ store: ParameterStore) throws {
        self.configuration = configuration
        let (C, path) = (configuration.channels, store.root)
        (down, up, output) = try withTorchErrors {
            let down = (0..<5).map { i in
                Convolutions(path / "Conv\(i + 1)" / "conv", 2, i > 0 ? C << (i - 1) : configuration.inputChannels, C << i)
            }
            let up = (2...5).reversed().map { Up(path, $0, channels: C << ($0 - 2)) }
            return (down, up, Convolution(path / "Conv_1x1", C, configuration.classes, kernel: 1))
        }
        parameters = try store.finish()
        buffers = store.buffers
    }

    func rebuilt(from store: ParameterStore) throws -> AttentionUNet { try AttentionUNet(configuration, store) }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        var skips: [Tensor] = []
        var x = images.repeated(channels: inputChannels)  // [B, channels, H, W]
        for (i, stage) in down.enumerated() {
            x = TorchEngine.module("Conv\(i + 1)") { stage(i > 0 ? x.maxPooled(2) : x, mode) }  // … [B, 16C, H/16, W/16]
            skips.append(x)
        }
        for (i, stage) in up.enumerated() {
            x = TorchEngine.module("Up\(5 - i)") { stage(x, skip: skips[3 - i], mode) }  // … [B, C, H, W]
        }
        return TorchEngine.module("Conv_1x1") { output(x, .float32) }  // [B, classes, H, W]
    }

    /// 3×3 convolutions, each with batch normalisation and ReLU.
    private struct Convolutions: Sendable {
        let layers: [NormedConvolution]  // 0 and 1, 3 and 4

        /// The first convolution's number is `first`.
        init(_ path: TorchPath, _ count: Int, first: Int = 0, _ inputs: Int, _ outputs: Int) {
            layers = (0..<count).map { i in
                NormedConvolution(path / (first + 3 * i), norm: path / (first + 3 * i + 1), i > 0 ? outputs : inputs, outputs)
            }
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {
            layers.reduce(x) { x, layer in layer(x, mode) }
        }
    }

    /// Doubles the map, concatenates the gated skip, and convolves.
    private struct Up: Sendable {
        let convolution: Convolutions  // Upi.up, after upsampling (up.0)
        let gate: Gate  // Atti
        let convolutions: Convolutions  // Up_convi.conv

        init(_ path: TorchPath, _ i: Int, channels C: Int) {
            convolution = Convolutions(path / "Up\(i)" / "up", 1, first: 1, 2 * C, C)
            gate = Gate(path / "Att\(i)", channels: C)
            convolutions = Convolutions(path / "Up_conv\(i)" / "conv", 2, 2 * C, C)
        }

        func callAsFunction(_ x: Tensor, skip: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, 2C, H, W], [B, C, 2H, 2W]
            let larger = convolution(x.upsampledNearest(2), mode)  // [B, C, 2H, 2W]
            return convolutions(.concatenated([gate(skip, knowing: larger, mode), larger], axis: 1), mode)
        }
    }

    /// Additive attention: the skip times sigmoid(ψ(relu(W_g g + W_x x))), one factor per
    /// position.
    private struct Gate: Sendable {
        let ofGate: (Convolution, BatchNorm)  // W_g.0, W_g.1
        let ofSkip: (Convolution, BatchNorm)  // W_x.0, W_x.1
        let weight: (Convolution, BatchNorm)  // psi.0, psi.1

        init(_ path: TorchPath, channels C: Int) {
            let layer = { (path: TorchPath, inputs: Int, outputs: Int) in
                (Convolution(path / 0, inputs, outputs, kernel: 1), BatchNorm(path / 1, channels: outputs))
            }
            ofGate = layer(path / "W_g", C, C / 2)
            ofSkip = layer(path / "W_x", C, C / 2)
            weight = layer(path / "psi", C / 2, 1)
        }

        func callAsFunction(_ skip: Tensor, knowing g: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, C, H, W] each
            func apply(_ layer: (Convolution, BatchNorm), _ x: Tensor) -> Tensor {
                layer.1(layer.0(x, mode.precision), isTraining: mode.isTraining)
            }
            let both = (apply(ofGate, g) + apply(ofSkip, skip)).rectified()  // [B, C/2, H, W]
            return skip * apply(weight, both).sigmoid()  // [B, 1, H, W] for all channels
        }
    }
}
