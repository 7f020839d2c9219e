import Segmentation
import Torch
import VMUNet

extension NetworkKind {
    /// UNet++ (Zhou et al., 2018) without deep supervision, under the keys of the usual PyTorch
    /// implementation.
    static let unetPlusPlus = NetworkKind(
        "unetpp", title: "UNet++", published: .init(marker: "conv0_1.conv1.weight", stem: "conv0_0.conv1.weight", head: "final.weight")
    ) { options, shape, store in
        let channels = options.integer("channels", 32, in: 1...256)
        return try UNetPlusPlus(.init(classes: shape.classes, inputChannels: shape.inputChannels, channels: channels), store)
    }
}

/// UNet++: a U-Net with nested skips. Each node convolves the earlier maps of its row together with
/// the doubled map from the row below.
///
/// `nodes[i][j]` is the paper's Xⁱʲ: row i has maps at 1/2ⁱ of the size, column 0 is the way down.
struct UNetPlusPlus: SegmentationNetwork {
    struct Configuration: Sendable {
        var classes = 1
        var inputChannels = 3
        /// Channels of the largest maps; 32 make 9.2 million parameters.
        var channels = 32
    }

    private static let rows = 5

    let configuration: Configuration
    let parameters: [(key: String, tensor: Tensor)]
    let buffers: [(key: String, tensor: Tensor)]

    private let nodes: [[Node]]  // convi_j
    private let output: Convolution  // final

    var classes: Int { configuration.classes }
    var inputChannels: Int { configuration.inputChannels }
    var sizeMultiple: Int { 16 }

    init(_ configuration: Configuration, _ store: ParameterStore) throws {
        self.configuration = configuration
        let (C, path, rows) = (configuration.channels, store.root, Self.rows)
        (nodes, output) = try withTorchErrors {
            let nodes = (0..<rows).map { i in
                (0..<rows - i).map { j in
                    let inputs = j > 0 ? j * (C << i) + (C << (i + 1)) : i > 0 ? C << (i - 1) : configuration.inputChannels
                    return Node(path / "conv\(i)_\(j)", inputs, C << i)
                }
            }
            return (nodes, Convolution(path / "final", C, configuration.classes, kernel: 1))
        }
        parameters = try store.finish()
        buffers = store.buffers
    }

    func rebuilt(from store: ParameterStore) throws -> UNetPlusPlus { try UNetPlusPlus(configuration, store) }

    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor {
        var maps: [[Tensor]] = []  // maps[i][j] [B, C · 2ⁱ, H / 2ⁱ, W / 2ⁱ]
        for i in 0..<Self.rows {
            let input = i > 0 ? maps[i - 1][0].maxPooled(2) : images.repeated(channels: inputChannels)
            maps.append([TorchEngine.module("conv\(i)_0") { nodes[i][0](input, mode) }])
            // This map completes a diagonal of nodes.
            for j in 0..<i {
                let row = i - 1 - j
                let beside = Tensor.concatenated(maps[row] + [maps[row + 1][j].doubled()], axis: 1)
                maps[row].append(TorchEngine.module("conv\(row)_\(j + 1)") { nodes[row][j + 1](beside, mode) })
            }
        }
        return TorchEngine.module("final") { output(maps[0][Self.rows - 1], .float32) }  // [B, classes, H, W]
    }

    /// Two 3×3 convolutions, each with batch normalisation and ReLU.
    private struct Node: Sendable {
        let first: NormedConvolution  // conv1, bn1
        let second: NormedConvolution  // conv2, bn2

        init(_ path: TorchPath, _ inputs: Int, _ outputs: Int) {
            first = NormedConvolution(path / "conv1", norm: path / "bn1", inputs, outputs)
            second = NormedConvolution(path / "conv2", norm: path / "bn2", outputs, outputs)
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor { second(first(x, mode), mode) }
    }
}
