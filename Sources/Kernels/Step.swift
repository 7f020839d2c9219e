import CKernels

/// One kernel call, with places in the plan's memory and in the weights. Sizes are those of one
/// image.
enum Step {
    case patchify(images: Place, patches: Place, Picture)
    case product(Product)
    case layerNorm(x: Place, y: Place, Rows, Affine)
    case depthwise(x: Place, y: Place, Shape, Affine)
    case scan(Scan)
    case normGate(y: Place, z: Place, out: Place, Rows, Affine)
    case mergeNorm(x: Place, y: Place, Shape, vmk_type, Affine)
    case expandNorm(x: Place, y: Place, Shape, scale: Int, Affine)
    case head(x: Place, logits: Place, Shape, classes: Int, Affine, Affine)
    case add(x: Place, branch: Place, y: Place, Shape, vmk_type)
    case cast(x: Place, y: Place, Shape, vmk_type)
}

/// An image [imageChannels, height, width] for a network of `channels`.
struct Picture {
    let imageChannels: Int64
    let channels: Int64
    let height: Int64
    let width: Int64

    init(_ images: KernelsEngine.Tensor, channels: Int) {
        (imageChannels, self.channels) = (Int64(images.channels), Int64(channels))
        (height, width) = (Int64(images.height), Int64(images.width))
    }
}

/// A map [height, width, channels] of `type`, tokens `stride` elements apart.
struct Shape {
    let height: Int64
    let width: Int64
    let channels: Int64
    let stride: Int64
    let type: vmk_type

    init(_ x: KernelsEngine.Tensor) {
        (height, width) = (Int64(x.height), Int64(x.width))
        (channels, stride, type) = (Int64(x.channels), Int64(x.stride), x.type)
    }

    var tokens: Int { Int(height * width) }
}

/// Tokens of two maps that a kernel processes together.
struct Rows {
    let tokens: Int
    let channels: Int64
    let stride: Int64
    let otherStride: Int64
    let otherType: vmk_type

    init(_ x: KernelsEngine.Tensor, _ other: KernelsEngine.Tensor) {
        (tokens, channels, stride) = (x.tokens, Int64(x.channels), Int64(x.stride))
        (otherStride, otherType) = (Int64(other.stride), other.type)
    }

    /// The bytes from one token to the next, in float32 and in the other map.
    var bytes: Int { 4 * Int(stride) }
    var otherBytes: Int { Int(otherStride) * otherType.bytes }
}

/// The parameters of a norm or a convolution.
struct Affine {
    let weight: UnsafePointer<Float>
    let bias: UnsafePointer<Float>
}

/// y = x·weightᵀ (+ bias) (+ residual).
struct Product {
    let tokens: Int
    let columns: Int
    let depth: Int
    let xType: vmk_type
    let yType: vmk_type
    let xStride: Int
    let x: Place
    let y: Place
    let residual: Place?
    let weight: UnsafeRawPointer
    let bias: UnsafePointer<Float>?
}

/// The selective scan of x with its projection.
struct Scan {
    let x: Place
    let projection: Place
    let y: Place
    let shape: Shape
    let states: Int
    let rank: Int
    let prepared: UnsafePointer<Float>
}

extension Step {
    /// LayerNorm's eps.
    private static let epsilon: Float = 1e-5

    /// True if every token of the result depends on the same token of the operands alone, so that
    /// rows of tokens can be taken one piece after the other.
    var isRowWise: Bool {
        switch self {
        case .product, .layerNorm, .normGate, .add, .cast: true
        case .patchify, .depthwise, .scan, .mergeNorm, .expandNorm, .head: false
        }
    }

    /// Does the work for the window's images, or for its rows of them.
    func run(_ at: Window) {
        switch self {
        case .patchify(_, let patches, let p):
            var inputs = vmk_patchify(
                batch: at.images, image_channels: p.imageChannels, channels: p.channels, height: p.height, width: p.width,
                image: at.picture)
            vmk_patchify_forward(&inputs, VMK_FLOAT32, at(patches))
        case .product(let p):
            var linear = vmk_linear(
                rows: at.rows(of: p.tokens), columns: Int64(p.columns), depth: Int64(p.depth), x_type: p.xType,
                x: UnsafeRawPointer(at(p.x, p.xStride * p.xType.bytes)), x_stride: Int64(p.xStride), packed: p.weight, bias: p.bias,
                residual: p.residual.map { UnsafePointer(at.floats($0, 4 * p.columns)) }, y_type: p.yType,
                y: at(p.y, p.columns * p.yType.bytes))
            vmk_linear_forward(&linear)
        case .layerNorm(let x, let y, let rows, let norm):
            var inputs = vmk_layer_norm(
                rows: at.rows(of: rows.tokens), channels: rows.channels, x: at.floats(x, rows.bytes), x_stride: rows.stride,
                weight: norm.weight, bias: norm.bias, epsilon: Self.epsilon, mean: nil, rstd: nil)
            vmk_layer_norm_forward(&inputs, rows.otherType, at(y, rows.otherBytes), rows.otherStride)
        case .depthwise(let x, let y, let s, let filter):
            var inputs = vmk_depthwise_silu(
                batch: at.images, height: s.height, width: s.width, channels: s.channels, type: s.type, x: at(x), x_stride: s.stride,
                weight: filter.weight, bias: filter.bias)
            vmk_depthwise_silu_forward(&inputs, at(y))
        case .scan(let scan):
            let s = scan.shape
            var inputs = vmk_ss2d(
                shape: vmk_ss2d_shape(
                    batch: at.images, height: s.height, width: s.width, channels: s.channels, states: Int64(scan.states),
                    rank: Int64(scan.rank)),
                x_type: s.type, x: at(scan.x), x_stride: s.stride, projection: at.floats(scan.projection), dt_weight: nil,
                dt_bias: nil, A_logs: nil, Ds: nil, prepared: scan.prepared)
            vmk_ss2d_forward(&inputs, at.floats(scan.y), nil)
        case .normGate(let y, let z, let out, let rows, let norm):
            var inputs = vmk_norm_gate(
                rows: at.rows(of: rows.tokens), channels: rows.channels, y: at.floats(y, rows.bytes), type: rows.otherType,
                z: at(z, rows.otherBytes), z_stride: rows.otherStride, weight: norm.weight, bias: norm.bias, epsilon: Self.epsilon,
                mean: nil, rstd: nil)
            vmk_norm_gate_forward(&inputs, at(out, Int(rows.channels) * rows.otherType.bytes))
        case .mergeNorm(let x, let y, let s, let type, let norm):
            var inputs = vmk_merge_norm(
                batch: at.images, height: s.height, width: s.width, channels: s.channels, x: at.floats(x), weight: norm.weight,
                bias: norm.bias, epsilon: Self.epsilon, mean: nil, rstd: nil)
            vmk_merge_norm_forward(&inputs, type, at(y))
        case .expandNorm(let x, let y, let s, let scale, let norm):
            var inputs = vmk_expand_norm(
                batch: at.images, height: s.height, width: s.width, channels: s.channels / Int64(scale * scale), scale: Int64(scale),
                e_type: s.type, e: at(x), weight: norm.weight, bias: norm.bias, epsilon: Self.epsilon)
            vmk_expand_norm_forward(&inputs, at.floats(y))
        case .head(let x, let logits, let s, let classes, let norm, let convolution):
            var inputs = vmk_head(
                batch: at.images, height: s.height, width: s.width, channels: s.channels / 16, classes: Int64(classes), e_type: s.type,
                e: at(x), norm_weight: norm.weight, norm_bias: norm.bias, epsilon: Self.epsilon, conv_weight: convolution.weight,
                conv_bias: convolution.bias)
            vmk_head_forward(&inputs, at.floats(logits))
        case .add(let x, let branch, let y, let s, let type):
            let (rows, channels) = (at.rows(of: s.tokens), Int(s.channels))
            vmk_residual_forward(
                1, rows * s.channels, at.floats(x, 4 * channels), type, at(branch, type.bytes * channels), nil, at.floats(y, 4 * channels))
        case .cast(let x, let y, let s, let type):
            let (rows, channels) = (at.rows(of: s.tokens), Int(s.channels))
            vmk_cast(rows * s.channels, s.type, at(x, s.type.bytes * channels), type, at(y, type.bytes * channels))
        }
    }
}
