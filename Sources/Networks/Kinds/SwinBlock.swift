import Torch
import VMUNet

/// A block of Swin-Unet: attention inside windows, then an MLP, each with a residual connection.
struct SwinBlock: Sendable {
    struct Configuration: Sendable {
        var channels: Int
        var heads: Int
        /// Rows and columns of the map that the block is built for.
        var side: Int
        /// Rows and columns of a window.
        var window: Int
        /// True if windows are shifted by half their size, which connects neighbouring windows.
        var isShifted: Bool
        var dropRate: Double
    }

    let configuration: Configuration
    let norm: LayerNorm  // norm1
    let positionBias: Tensor  // attn.relative_position_bias_table [(2w − 1)², heads]
    let positions: Tensor  // attn.relative_position_index [w², w²], the table's row for a pair of positions
    let queriesKeysValues: Linear  // attn.qkv
    let projection: Linear  // attn.proj
    let mlpNorm: LayerNorm  // norm2
    let mlp: TokenMLP  // mlp
    /// −100 for positions of a shifted window that are not neighbours in the map: [windows, w²,
    /// w²].
    let mask: Tensor?  // attn_mask

    init(_ path: TorchPath, _ configuration: Configuration) {
        self.configuration = configuration
        let (C, w, side) = (configuration.channels, configuration.window, configuration.side)
        let attention = path / "attn"
        norm = LayerNorm(path / "norm1", channels: C)
        positionBias = attention.parameter("relative_position_bias_table", [(2 * w - 1) * (2 * w - 1), configuration.heads], .transformer)
        positions = attention.buffer("relative_position_index", [w * w, w * w], .int64) {
            var rows: [Int64] = []
            for a in 0..<w * w {
                for b in 0..<w * w {
                    let (down, right) = (a / w - b / w + w - 1, a % w - b % w + w - 1)
                    rows.append(Int64(down * (2 * w - 1) + right))
                }
            }
            return Tensor(rows, shape: [w * w, w * w])
        }
        queriesKeysValues = Linear(attention / "qkv", C, 3 * C)
        projection = Linear(attention / "proj", C, C)
        mlpNorm = LayerNorm(path / "norm2", channels: C)
        mlp = TokenMLP(path / "mlp", channels: C, hidden: 4 * C)
        mask =
            configuration.isShifted
            ? path.buffer("attn_mask", [side / w * (side / w), w * w, w * w], .float32) {
                Self.mask(height: side, width: side, window: w, on: .cpu)
            } : nil
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        func residual(_ x: Tensor, _ branch: Tensor) -> Tensor {
            let rate = configuration.dropRate
            let scale = mode.isTraining && rate > 0 ? TorchEngine.branchScale(rate: rate, imagesOf: x) : nil
            return TorchEngine.addBranch(x, branch, scale: scale)
        }
        let y = residual(x, attention(norm(x), mode))
        return residual(y, mlp(mlpNorm(y), mode))
    }

    private func attention(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        let (H, W, C, w) = (x.size(1), x.size(2), x.size(3), configuration.window)
        let shift = configuration.isShifted ? w / 2 : 0
        let shifted = shift > 0 ? x.rolled([-shift, -shift], axes: [1, 2]) : x
        let windows = Self.windows(shifted, w)  // [B · windows, w², C]
        let N = w * w, heads = configuration.heads
        let split = queriesKeysValues(windows, mode.precision).reshaped([-1, N, 3, heads, C / heads]).permuted([2, 0, 3, 1, 4])
        let qkv = split.parts(3, axis: 0).map { $0.reshaped([-1, heads, N, C / heads]) }
        let y = Tensor.attention(qkv[0], qkv[1], qkv[2], bias: bias(height: H, width: W, on: x.device))
        let joined = projection(y.transposed(1, 2).reshaped([-1, N, C]), mode.precision).to(.float32)  // [B · windows, w², C]
        let map = joined.reshaped([-1, H / w, W / w, w, w, C]).permuted([0, 1, 3, 2, 4, 5]).reshaped([-1, H, W, C])
        return shift > 0 ? map.rolled([shift, shift], axes: [1, 2]) : map
    }

    /// The bias of the attention scores: a value per relative position, plus the mask; [1 or
    /// windows, heads, w², w²].
    private func bias(height: Int, width: Int, on device: Device) -> Tensor {
        let (N, w, heads) = (configuration.window * configuration.window, configuration.window, configuration.heads)
        let byDistance = positionBias.selected(axis: 0, at: positions.reshaped([N * N])).reshaped([1, N, N, heads]).permuted([0, 3, 1, 2])
        guard let mask else { return byDistance }
        // Pictures of another size than the network's need a mask of their own.
        let isOwnSize = height == configuration.side && width == configuration.side
        let ofMap = isOwnSize ? mask : Self.mask(height: height, width: width, window: w, on: device)
        return byDistance + ofMap.reshaped([-1, 1, N, N])
    }

    /// Divides the map into windows: [B, H, W, C] → [B · windows, w², C].
    private static func windows(_ x: Tensor, _ w: Int) -> Tensor {
        let (H, W, C) = (x.size(1), x.size(2), x.size(3))
        return x.reshaped([-1, H / w, w, W / w, w, C]).permuted([0, 1, 3, 2, 4, 5]).reshaped([-1, w * w, C])
    }

    /// Computes the mask for maps of this size on the device.
    private static func mask(height: Int, width: Int, window w: Int, on device: Device) -> Tensor {
        // A shift creates three parts: all but the last window, the beginning of the last window,
        // and its end, which comes from the opposite edge of the map.
        func part(_ length: Int) -> Tensor {
            let ends = [length - w, length - w / 2, length]
            return .concatenated(
                ends.enumerated().map { i, end in .row(Double(i), count: end - (i > 0 ? ends[i - 1] : 0), on: device) }, axis: 0)
        }
        let parts = part(height).reshaped([1, height, 1, 1]) * 3.0 + part(width).reshaped([1, 1, width, 1])  // [1, H, W, 1]
        let inWindows = windows(parts, w)  // [windows, w², 1]
        return (inWindows.transposed(1, 2) - inWindows).differs(from: 0) * -100
    }
}
