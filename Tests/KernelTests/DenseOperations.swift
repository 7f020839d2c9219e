import CKernels
import Testing

/// A dense operation, forward and backward together: named inputs and results.
struct DenseOperation: Sendable, CustomTestStringConvertible {
    typealias Values = [String: [Float]]

    let name: String
    /// A shape that is divided into many tasks.
    let large: [Int]
    /// The number of values of each input.
    let inputs: @Sendable ([Int]) -> [String: Int]
    private let body: @Sendable (_ shape: [Int], _ inputs: Inputs, _ type: vmk_type, _ padding: Int) -> Values

    /// The inputs of a call: `v.weight`.
    @dynamicMemberLookup struct Inputs {
        let values: Values
        subscript(dynamicMember name: String) -> [Float] { values[name]! }
    }

    /// Runs it with activations of one type; rows that may be separated have `padding` numbers in
    /// between.
    func run(_ shape: [Int], _ inputs: Values, _ type: vmk_type, _ padding: Int) -> Values {
        body(shape, Inputs(values: inputs), type, padding)
    }

    var testDescription: String { name }

    static let all = [layerNorm, normGate, depthwiseSilu, mergeNorm, expandNorm, head, patchify, residual, weightGradient, linear]
    private static let epsilon: Float = 1e-5

    static let layerNorm = DenseOperation(
        name: "layer_norm", large: [1021, 150],
        inputs: { s in ["x": s[0] * s[1], "weight": s[1], "bias": s[1], "dy": s[0] * s[1]] },
        body: { s, v, type, padding in
            let (arena, c) = (Arena(), s[1])
            let x = arena.rows(v.x, channels: c, padding: padding),
                y = arena.output(s[0] * c, channels: c, padding: 2 * padding, type: type)
            var norm = vmk_layer_norm(
                rows: Int64(s[0]), channels: Int64(c), x: x.floats, x_stride: x.step, weight: arena.floats(v.weight),
                bias: arena.floats(v.bias), epsilon: epsilon, mean: arena.floats(count: s[0]), rstd: arena.floats(count: s[0]))
            vmk_layer_norm_forward(&norm, type, y.pointer, y.step)
            norm.bias = nil
            let dy = arena.rows(v.dy, channels: c, padding: 3 * padding, type: type)
            let dx = arena.output(s[0] * c, channels: c, padding: padding)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            var gradients = vmk_layer_norm_gradients(x: dx.floats, x_stride: dx.step, weight: dweight, bias: dbias)
            vmk_layer_norm_backward(&norm, type, dy.pointer, dy.step, &gradients)
            return ["y": y.values, "dx": dx.values, "dweight": dweight.values(c), "dbias": dbias.values(c)]
        })

    static let normGate = DenseOperation(
        name: "norm_gate", large: [1021, 150],
        inputs: { s in ["y": s[0] * s[1], "z": s[0] * s[1], "weight": s[1], "bias": s[1], "dout": s[0] * s[1]] },
        body: { s, v, type, padding in
            let (arena, c) = (Arena(), s[1])
            let z = arena.rows(v.z, channels: c, padding: padding, type: type)
            var norm = vmk_norm_gate(
                rows: Int64(s[0]), channels: Int64(c), y: arena.floats(v.y), type: type, z: z.pointer, z_stride: z.step,
                weight: arena.floats(v.weight), bias: arena.floats(v.bias), epsilon: epsilon, mean: arena.floats(count: s[0]),
                rstd: arena.floats(count: s[0]))
            let out = arena.output(s[0] * c, channels: c, type: type)
            vmk_norm_gate_forward(&norm, out.pointer)
            let dout = arena.rows(v.dout, channels: c, type: type), dy = arena.floats(count: s[0] * c)
            let dz = arena.output(s[0] * c, channels: c, padding: 2 * padding, type: type)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            var gradients = vmk_norm_gate_gradients(y: dy, z: dz.pointer, z_stride: dz.step, weight: dweight, bias: dbias)
            vmk_norm_gate_backward(&norm, dout.pointer, &gradients)
            return [
                "out": out.values, "dy": dy.values(s[0] * c), "dz": dz.values, "dweight": dweight.values(c), "dbias": dbias.values(c),
            ]
        })

    static let depthwiseSilu = DenseOperation(
        name: "depthwise_silu", large: [2, 67, 5, 150],
        inputs: { s in
            let n = s[0] * s[1] * s[2] * s[3]
            return ["x": n, "weight": 9 * s[3], "bias": s[3], "dy": n]
        },
        body: { s, v, type, padding in
            let (arena, c, n) = (Arena(), s[3], s[0] * s[1] * s[2] * s[3])
            let x = arena.rows(v.x, channels: c, padding: padding, type: type), y = arena.output(n, channels: c, type: type)
            var conv = vmk_depthwise_silu(
                batch: Int64(s[0]), height: Int64(s[1]), width: Int64(s[2]), channels: Int64(c), type: type, x: x.pointer, x_stride: x.step,
                weight: arena.floats(v.weight), bias: arena.floats(v.bias))
            vmk_depthwise_silu_forward(&conv, y.pointer)
            let dx = arena.output(n, channels: c, padding: 2 * padding, type: type)
            let (dweight, dbias) = (arena.floats(count: 9 * c), arena.floats(count: c))
            var gradients = vmk_depthwise_silu_gradients(x: dx.pointer, x_stride: dx.step, weight: dweight, bias: dbias)
            vmk_depthwise_silu_backward(&conv, arena.floats(v.dy), &gradients)
            return ["y": y.values, "dx": dx.values, "dweight": dweight.values(9 * c), "dbias": dbias.values(c)]
        })

    static let mergeNorm = DenseOperation(
        name: "merge_norm", large: [2, 64, 64, 37],
        inputs: { s in
            let n = s[0] * s[1] * s[2] * s[3]
            return ["x": n, "weight": 4 * s[3], "bias": 4 * s[3], "dy": n]
        },
        body: { s, v, type, _ in
            let (arena, c, n) = (Arena(), 4 * s[3], s[0] * s[1] * s[2] * s[3])
            let y = arena.output(n, channels: c, type: type)
            var norm = vmk_merge_norm(
                batch: Int64(s[0]), height: Int64(s[1]), width: Int64(s[2]), channels: Int64(s[3]), x: arena.floats(v.x),
                weight: arena.floats(v.weight), bias: arena.floats(v.bias), epsilon: epsilon, mean: arena.floats(count: n / c),
                rstd: arena.floats(count: n / c))
            vmk_merge_norm_forward(&norm, type, y.pointer)
            norm.bias = nil
            let dy = arena.rows(v.dy, channels: c, type: type), dx = arena.floats(count: n)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            var gradients = vmk_merge_norm_gradients(x: dx, weight: dweight, bias: dbias)
            vmk_merge_norm_backward(&norm, type, dy.pointer, &gradients)
            return ["y": y.values, "dx": dx.values(n), "dweight": dweight.values(c), "dbias": dbias.values(c)]
        })

    static let expandNorm = DenseOperation(
        name: "expand_norm", large: [2, 32, 32, 37, 2],
        inputs: { s in
            let n = s[0] * s[1] * s[2] * s[3] * s[4] * s[4]
            return ["e": n, "weight": s[3], "bias": s[3], "dy": n]
        },
        body: { s, v, type, _ in
            let (arena, c, n) = (Arena(), s[3], s[0] * s[1] * s[2] * s[3] * s[4] * s[4])
            let e = arena.rows(v.e, channels: c, type: type), y = arena.floats(count: n)
            var norm = vmk_expand_norm(
                batch: Int64(s[0]), height: Int64(s[1]), width: Int64(s[2]), channels: Int64(c), scale: Int64(s[4]), e_type: type,
                e: e.pointer, weight: arena.floats(v.weight), bias: arena.floats(v.bias), epsilon: epsilon)
            vmk_expand_norm_forward(&norm, y)
            norm.bias = nil
            let de = arena.output(n, channels: c, type: type)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            var gradients = vmk_expand_norm_gradients(e: de.pointer, weight: dweight, bias: dbias)
            vmk_expand_norm_backward(&norm, arena.floats(v.dy), &gradients)
            return ["y": y.values(n), "de": de.values, "dweight": dweight.values(c), "dbias": dbias.values(c)]
        })

    static let head = DenseOperation(
        name: "head", large: [2, 17, 32, 12, 3],
        inputs: { s in
            let pixels = s[0] * s[1] * s[2] * 16
            return [
                "e": pixels * s[3], "weight": s[3], "bias": s[3], "conv": s[4] * s[3], "conv_bias": s[4], "dlogits": pixels * s[4],
            ]
        },
        body: { s, v, type, _ in
            let (arena, c, k, pixels) = (Arena(), s[3], s[4], s[0] * s[1] * s[2] * 16)
            let e = arena.rows(v.e, channels: c, type: type), logits = arena.floats(count: pixels * k)
            var head = vmk_head(
                batch: Int64(s[0]), height: Int64(s[1]), width: Int64(s[2]), channels: Int64(c), classes: Int64(k), e_type: type,
                e: e.pointer, norm_weight: arena.floats(v.weight), norm_bias: arena.floats(v.bias), epsilon: epsilon,
                conv_weight: arena.floats(v.conv), conv_bias: arena.floats(v.conv_bias))
            vmk_head_forward(&head, logits)
            head.conv_bias = nil
            let de = arena.output(pixels * c, channels: c, type: type)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            let (dconv, dconvBias) = (arena.floats(count: k * c), arena.floats(count: k))
            var gradients = vmk_head_gradients(
                e: de.pointer, norm_weight: dweight, norm_bias: dbias, conv_weight: dconv, conv_bias: dconvBias)
            vmk_head_backward(&head, arena.floats(v.dlogits), &gradients)
            return [
                "logits": logits.values(pixels * k), "de": de.values, "dweight": dweight.values(c), "dbias": dbias.values(c),
                "dconv": dconv.values(k * c), "dconv_bias": dconvBias.values(k),
            ]
        })

    static let patchify = DenseOperation(
        name: "patchify", large: [2, 3, 64, 48], inputs: { s in ["image": s[0] * s[1] * s[2] * s[3]] },
        body: { s, v, type, _ in
            let (arena, n) = (Arena(), s[0] * 3 * s[2] * s[3])
            let patches = arena.output(n, channels: 48, type: type)
            var inputs = vmk_patchify(
                batch: Int64(s[0]), image_channels: Int64(s[1]), channels: 3, height: Int64(s[2]), width: Int64(s[3]),
                image: arena.floats(v.image))
            vmk_patchify_forward(&inputs, type, patches.pointer)
            return ["patches": patches.values]
        })

    static let residual = DenseOperation(
        name: "residual", large: [3, 40001],
        inputs: { s in ["x": s[0] * s[1], "branch": s[0] * s[1], "scale": s[0], "dout": s[0] * s[1]] },
        body: { s, v, type, _ in
            let (arena, B, n) = (Arena(), Int64(s[0]), Int64(s[1]))
            let branch = arena.rows(v.branch, channels: 1, type: type), scale = arena.floats(v.scale)
            let out = arena.floats(v.x), plain = arena.floats(v.x), dout = arena.floats(v.dout)
            vmk_residual_forward(B, n, out, type, branch.pointer, scale, out)
            vmk_residual_forward(B, n, plain, type, branch.pointer, nil, plain)
            let total = s[0] * s[1]
            let dbranch = arena.output(total, channels: 1, type: type), dplain = arena.output(total, channels: 1, type: type)
            vmk_residual_backward(B, n, dout, scale, type, dbranch.pointer)
            vmk_residual_backward(B, n, dout, nil, type, dplain.pointer)
            return ["out": out.values(total), "plain": plain.values(total), "dbranch": dbranch.values, "dplain": dplain.values]
        })

    static let weightGradient = DenseOperation(
        name: "weight_gradient", large: [2050, 70, 60], inputs: { s in ["dy": s[0] * s[1], "x": s[0] * s[2]] },
        body: { s, v, type, padding in
            let arena = Arena()
            let dy = arena.rows(v.dy, channels: s[1], padding: padding, type: type)
            let x = arena.rows(v.x, channels: s[2], padding: 2 * padding, type: type)
            let dweight = arena.floats(count: s[1] * s[2])
            var inputs = vmk_linear_weight(
                rows: Int64(s[0]), columns: Int64(s[1]), depth: Int64(s[2]), dy_type: type, dy: dy.pointer, dy_stride: dy.step,
                x_type: type, x: x.pointer, x_stride: x.step)
            vmk_linear_weight_gradient(&inputs, dweight)
            return ["dweight": dweight.values(s[1] * s[2])]
        })

    /// A Linear layer's forward product and its input's gradient, each with weights prepared for
    /// it.
    static let linear = DenseOperation(
        name: "linear", large: [1030, 100, 70],
        inputs: { s in ["x": s[0] * s[2], "weight": s[1] * s[2], "residual": s[0] * s[1], "bias": s[1], "dy": s[0] * s[1]] },
        body: { s, v, type, padding in
            let arena = Arena()
            let (m, n, k) = (Int64(s[0]), Int64(s[1]), Int64(s[2]))
            let weight = arena.floats(v.weight)
            let forward = arena.floats(count: Int(vmk_packed_bytes(n, k)) / 4),
                backward = arena.floats(count: Int(vmk_packed_bytes(k, n)) / 4)
            vmk_pack_weight(n, k, 1, type, weight, forward)
            vmk_pack_weight(k, n, 0, type, weight, backward)
            let x = arena.rows(v.x, channels: s[2], padding: padding, type: type)
            let dy = arena.rows(v.dy, channels: s[1], padding: 2 * padding, type: type)
            let y = arena.output(s[0] * s[1], channels: s[1], type: type), sum = arena.floats(v.residual)
            var product = vmk_linear(
                rows: m, columns: n, depth: k, x_type: type, x: x.pointer, x_stride: x.step, packed: forward, bias: nil, residual: nil,
                y_type: type, y: y.pointer)
            vmk_linear_forward(&product)
            (product.residual, product.y_type, product.y) = (UnsafePointer(sum), VMK_FLOAT32, UnsafeMutableRawPointer(sum))
            vmk_linear_forward(&product)
            let biased = arena.output(s[0] * s[1], channels: s[1])
            (product.bias, product.residual, product.y) = (
                UnsafePointer(arena.floats(v.bias)), UnsafePointer(arena.floats(v.residual)), biased.pointer
            )
            vmk_linear_forward(&product)
            let dx = arena.floats(count: s[0] * s[2])
            var backwards = vmk_linear(
                rows: m, columns: k, depth: n, x_type: type, x: dy.pointer, x_stride: dy.step, packed: backward, bias: nil, residual: nil,
                y_type: VMK_FLOAT32, y: dx)
            vmk_linear_forward(&backwards)
            return ["y": y.values, "sum": sum.values(s[0] * s[1]), "biased": biased.values, "dx": dx.values(s[0] * s[2])]
        })
}
