import Torch
import VMUNet

/// TransUNet's residual network (Kolesnikov et al., 2020): standardised convolutions and group
/// normalisation, three blocks to 1/16 of the size.
struct ResNetV2: Sendable {
    private static let groups = 32
    private static let epsilon = 1e-6

    let root: Convolution  // root.conv
    let rootNorm: GroupNorm  // root.gn
    let blocks: [[Unit]]  // body.blocki.unitj

    init(_ path: TorchPath, inputChannels: Int, width: Int, units: [Int]) {
        root = Convolution(path / "root" / "conv", inputChannels, width, kernel: 7, stride: 2, hasBias: false)
        rootNorm = GroupNorm(path / "root" / "gn", channels: width, groups: Self.groups, epsilon: Self.epsilon)
        blocks = units.enumerated().map { i, count in
            (0..<count).map { j in
                let outputs = 4 * width << i
                return Unit(
                    path / "body" / "block\(i + 1)" / "unit\(j + 1)", j > 0 ? outputs : i > 0 ? outputs / 2 : width, outputs,
                    stride: j == 0 && i > 0 ? 2 : 1)
            }
        }
    }

    /// Returns the map at 1/16 of the size, and the skips at 1/2, 1/4 and 1/8.
    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> (Tensor, skips: [Tensor]) {
        let (H, W) = (images.size(2), images.size(3))
        var x = TorchEngine.module("hybrid_model.root") { rootNorm(root.standardized(images, mode.precision)).rectified() }
        var skips = [x]  // [B, width, H/2, W/2]
        x = x.maxPooled(3, stride: 2)  // without padding: one row and column less than H/4, W/4
        for (i, units) in blocks.enumerated() {
            x = TorchEngine.module("hybrid_model.body.block\(i + 1)") { units.reduce(x) { $1($0, mode) } }  // … [B, 16 width, H/16, W/16]
            if i < 2 { skips.append(x.padded(height: H / (4 << i), width: W / (4 << i))) }
        }
        return (x, skips)
    }

    /// A residual bottleneck: 1×1, 3×3 and 1×1 convolutions.
    struct Unit: Sendable {
        let convolutions: [Convolution]  // conv1 … conv3
        let norms: [GroupNorm]  // gn1 … gn3
        let projection: (Convolution, GroupNorm)?  // downsample, gn_proj

        init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, stride: Int) {
            let middle = outputs / 4
            convolutions = [
                Convolution(path / "conv1", inputs, middle, kernel: 1, hasBias: false),
                Convolution(path / "conv2", middle, middle, kernel: 3, stride: stride, hasBias: false),
                Convolution(path / "conv3", middle, outputs, kernel: 1, hasBias: false),
            ]
            norms = [middle, middle, outputs].enumerated().map { i, channels in
                GroupNorm(path / "gn\(i + 1)", channels: channels, groups: ResNetV2.groups, epsilon: ResNetV2.epsilon)
            }
            projection =
                stride != 1 || inputs != outputs
                ? (
                    Convolution(path / "downsample", inputs, outputs, kernel: 1, stride: stride, hasBias: false),
                    GroupNorm(path / "gn_proj", channels: outputs, groups: outputs)
                ) : nil
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {
            let residual = projection.map { $1($0.standardized(x, mode.precision)) } ?? x
            var y = norms[0](convolutions[0].standardized(x, mode.precision)).rectified()
            y = norms[1](convolutions[1].standardized(y, mode.precision)).rectified()
            y = norms[2](convolutions[2].standardized(y, mode.precision))
            return (residual + y).rectified()
        }
    }
}

extension Convolution {
    /// Convolves with each output's weights standardised to mean 0 and variance 1.
    fileprivate func standardized(_ x: Tensor, _ precision: Precision) -> Tensor {
        let difference = weight - weight.mean(keepingAxes: [1, 2, 3])
        let variance = (difference * difference).mean(keepingAxes: [1, 2, 3])
        return self(x, weight: difference / (variance + 1e-5).squareRoot(), precision)
    }
}
