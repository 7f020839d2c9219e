import CKernels

/// One kernel call, with offsets into the plan's memory and into the weights.
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

/// Images [batch, imageChannels, height, width] for a network of `channels`.
struct Picture {
    let batch: Int64
    let imageChannels: Int64
    let channels: Int64
    let height: Int64
    let width: Int64

    init(_ images: KernelsEngine.Tensor, channels: Int) {
        (batch, imageChannels, self.channels) = (Int64(images.batch), Int64(images.channels), Int64(channels))
        (height, width) = (Int64(images.height), Int64(images.width))
    }
}

/// A map [batch, height, width, channels] of `type`, tokens `stride` elements apart.
struct Shape {
    let batch: Int64
    let height: Int64
    let width: Int64
    let channels: Int64
    let stride: Int64
    let type: vmk_type

    init(_ x: KernelsEngine.Tensor) {
        (batch, height, width) = (Int64(x.batch), Int64(x.height), Int64(x.width))
        (channels, stride, type) = (Int64(x.channels), Int64(x.stride), x.type)
    }

    /// Elements of one image.
    var count: Int64 { height * width * channels }
}

/// Rows of two maps that a kernel processes together.
struct Rows {
    let count: Int64
    let channels: Int64
    let stride: Int64
    let otherStride: Int64
    let otherType: vmk_type

    init(_ x: KernelsEngine.Tensor, _ other: KernelsEngine.Tensor) {
        (count, channels, stride) = (Int64(x.rows), Int64(x.channels), Int64(x.stride))
        (otherStride, otherType) = (Int64(other.stride), other.type)
    }
}

/// The parameters of a norm or a convolution.
struct Affine {
    let weight: UnsafePointer<Float>
    let bias: UnsafePointer<Float>
}

/// y = x·weightᵀ (+ bias) (+ residual).
struct Product {
    let rows: Int
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

/// The memory of one forward pass.
struct Memory {
    let images: UnsafePointer<Float>
    let logits: UnsafeMutablePointer<Float>
    /// The index of the storage of the logits.
    let logitsStorage: Int
    let maps: UnsafeMutableRawPointer
    /// The offset of each storage in `maps`.
    let offsets: UnsafePointer<Int>

    func callAsFunction(_ place: Place) -> UnsafeMutableRawPointer {
        place.storage == logitsStorage
            ? UnsafeMutableRawPointer(logits) + place.offset : maps + offsets[place.storage] + place.offset
    }
    func floats(_ place: Place) -> UnsafeMutablePointer<Float> { self(place).assumingMemoryBound(to: Float.self) }
}

extension Step {
    /// LayerNorm's eps.
    private static let epsilon: Float = 1e-5

    func run(_ at: Memory) {
        switch self {
        case .patchify(_, let patches, let p):
            var inputs = vmk_patchify(
                batch: p.batch, image_channels: p.imageChannels, channels: p.channels, height: p.height, width: p.width, image: at.images)
            vmk_patchify_forward(&inputs, VMK_FLOAT32, at(patches))
        case .product(let p):
            var linear = vmk_linear(
                rows: Int64(p.rows), columns: Int64(p.columns), depth: Int64(p.depth), x_type: p.xType,
                x: UnsafeRawPointer(at(p.x)), x_stride: Int64(p.xStride), packed: p.weight, bias: p.bias,
                residual: p.residual.map { UnsafePointer(at.floats($0)) }, y_type: p.yType, y: at(p.y))
            vmk_linear_forward(&linear)
        case .layerNorm(let x, let y, let rows, let norm):
            var inputs = vmk_layer_norm(
                rows: rows.count, channels: rows.channels, x: at.floats(x), x_stride: rows.stride, weight: norm.weight, bias: norm.bias,
                epsilon: Self.epsilon, mean: nil, rstd: nil)
            vmk_layer_norm_forward(&inputs, rows.otherType, at(y), rows.otherStride)
        case .depthwise(let x, let y, let s, let filter):
            var inputs = vmk_depthwise_silu(
                batch: s.batch, height: s.height, width: s.width, channels: s.channels, type: s.type, x: at(x), x_stride: s.stride,
                weight: filter.weight, bias: filter.bias)
            vmk_depthwise_silu_forward(&inputs, at(y))
        case .scan(let scan):
            let s = scan.shape
            var inputs = vmk_ss2d(
                shape: vmk_ss2d_shape(
                    batch: s.batch, height: s.height, width: s.width, channels: s.channels, states: Int64(scan.states),
                    rank: Int64(scan.rank)),
                x_type: s.type, x: at(scan.x), x_stride: s.stride, projection: at.floats(scan.projection), dt_weight: nil,
                dt_bias: nil, A_logs: nil, Ds: nil, prepared: scan.prepared)
            vmk_ss2d_forward(&inputs, at.floats(scan.y), nil)
        case .normGate(let y, let z, let out, let rows, let norm):
            var inputs = vmk_norm_gate(
                rows: rows.count, channels: rows.channels, y: at.floats(y), type: rows.otherType, z: at(z), z_stride: rows.otherStride,
                weight: norm.weight, bias: norm.bias, epsilon: Self.epsilon, mean: nil, rstd: nil)
            vmk_norm_gate_forward(&inputs, at(out))
        case .mergeNorm(let x, let y, let s, let type, let norm):
            var inputs = vmk_merge_norm(
                batch: s.batch, height: s.height, width: s.width, channels: s.channels, x: at.floats(x), weight: norm.weight,
                bias: norm.bias, epsilon: Self.epsilon, mean: nil, rstd: nil)
            vmk_merge_norm_forward(&inputs, type, at(y))
        case .expandNorm(let x, let y, let s, let scale, let norm):
            var inputs = vmk_expand_norm(
                batch: s.batch, height: s.height, width: s.width, channels: s.channels / Int64(scale * scale), scale: Int64(scale),
                e_type: s.type, e: at(x), weight: norm.weight, bias: norm.bias, epsilon: Self.epsilon)
            vmk_expand_norm_forward(&inputs, at.floats(y))
        case .head(let x, let logits, let s, let classes, let norm, let convolution):
            var inputs = vmk_head(
                batch: s.batch, height: s.height, width: s.width, channels: s.channels / 16, classes: Int64(classes), e_type: s.type,
                e: at(x), norm_weight: norm.weight, norm_bias: norm.bias, epsilon: Self.epsilon, conv_weight: convolution.weight,
                conv_bias: convolution.bias)
            vmk_head_forward(&inputs, at.floats(logits))
        case .add(let x, let branch, let y, let s, let type):
            vmk_residual_forward(s.batch, s.count, at.floats(x), type, at(branch), nil, at.floats(y))
        case .cast(let x, let y, let s, let type):
            vmk_cast(s.batch * s.count, s.type, at(x), type, at(y))
        }
    }
}
