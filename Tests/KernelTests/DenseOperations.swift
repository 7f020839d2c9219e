import CKernels
import Foundation
import Testing

/// Memory of one call of a kernel: rows of float32 or bfloat16 with unused numbers between them, all freed together.
/// Each array ends where the next page cannot be touched: a kernel that reads or writes beyond it is killed by a signal.
final class Arena {
    private var blocks: [(start: UnsafeMutableRawPointer, bytes: Int)] = []

    deinit { for block in blocks { munmap(block.start, block.bytes) } }

    /// `values` as rows of `channels`, `padding` numbers apart that are not numbers: reading one spoils the result, writing one is noticed.
    func rows(_ values: [Float], channels: Int, padding: Int = 0, type: vmk_type = VMK_FLOAT32) -> Rows {
        let count = channels == 0 ? 0 : values.count / channels
        let rows = Rows(
            count: count, channels: channels, stride: channels + padding, type: type, pointer: allocate(count * (channels + padding) * (type == VMK_FLOAT32 ? 4 : 2)))
        for i in 0..<count * rows.stride {
            let (row, channel) = (i / rows.stride, i % rows.stride)
            rows[i] = channel < channels ? values[row * channels + channel] : .nan
        }
        return rows
    }

    func output(_ count: Int, channels: Int, padding: Int = 0, type: vmk_type = VMK_FLOAT32) -> Rows {
        rows([Float](repeating: .nan, count: count), channels: channels, padding: padding, type: type)
    }

    func floats(_ values: [Float]) -> UnsafeMutablePointer<Float> { rows(values, channels: 1).floats }
    func floats(count: Int) -> UnsafeMutablePointer<Float> { output(count, channels: 1).floats }

    private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let usable = (bytes + page - 1) / page * page
        let start = mmap(nil, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        precondition(start != MAP_FAILED && mprotect(start + usable, page, PROT_NONE) == 0)
        blocks.append((start, usable + page))
        return start + (usable - bytes)
    }
}

struct Rows {
    let count: Int, channels: Int, stride: Int
    let type: vmk_type
    let pointer: UnsafeMutableRawPointer

    var step: Int64 { Int64(stride) }
    var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

    subscript(index: Int) -> Float {
        get {
            if type == VMK_FLOAT32 { return pointer.load(fromByteOffset: 4 * index, as: Float.self) }
            return Float(bitPattern: UInt32(pointer.load(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
        }
        nonmutating set {
            if type == VMK_FLOAT32 {
                pointer.storeBytes(of: newValue, toByteOffset: 4 * index, as: Float.self)
            } else {  // callers give numbers that bfloat16 holds exactly, or do not mind the cut
                pointer.storeBytes(of: UInt16(newValue.bitPattern >> 16), toByteOffset: 2 * index, as: UInt16.self)
            }
        }
    }

    /// The rows without what lies between them; not numbers if a kernel wrote there.
    var values: [Float] {
        let untouched = (0..<count * stride).allSatisfy { $0 % stride < channels || self[$0].isNaN }
        return untouched
            ? (0..<count * channels).map { self[$0 / channels * stride + $0 % channels] }
            : [Float](repeating: .nan, count: count * channels)
    }
}

extension UnsafeMutablePointer<Float> {
    func values(_ count: Int) -> [Float] { Array(UnsafeBufferPointer(start: self, count: count)) }
}

/// One dense operation, forward and backward together: what goes in by name, and what comes out.
struct DenseOperation: Sendable, CustomTestStringConvertible {
    typealias Values = [String: [Float]]

    let name: String
    /// A shape whose work is divided into many tasks.
    let large: [Int]
    /// How many numbers each input has.
    let inputs: @Sendable ([Int]) -> [String: Int]
    /// Runs it with activations of a type, `padding` numbers between rows where rows may be apart.
    let run: @Sendable (_ shape: [Int], _ inputs: Values, _ type: vmk_type, _ padding: Int) -> Values

    var testDescription: String { name }

    static let all = [layerNorm, normGate, depthwiseSilu, mergeNorm, expandNorm, head, patchify, residual, gemm, linear]
    private static let epsilon: Float = 1e-5

    static let layerNorm = DenseOperation(
        name: "layer_norm", large: [1021, 150],
        inputs: { s in ["x": s[0] * s[1], "weight": s[1], "bias": s[1], "dy": s[0] * s[1], "added": s[0] * s[1]] },
        run: { s, v, type, padding in
            let (arena, rows, c) = (Arena(), Int64(s[0]), s[1])
            let x = arena.rows(v["x"]!, channels: c, padding: padding),
                y = arena.output(s[0] * c, channels: c, padding: 2 * padding, type: type)
            let (weight, mean, rstd) = (arena.floats(v["weight"]!), arena.floats(count: s[0]), arena.floats(count: s[0]))
            vmk_layer_norm_forward(
                rows, Int64(c), x.floats, x.step, weight, arena.floats(v["bias"]!), epsilon, type, y.pointer, y.step, mean, rstd)
            let dy = arena.rows(v["dy"]!, channels: c, padding: 3 * padding, type: type)
            let dx = arena.rows(v["added"]!, channels: c, padding: padding)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            vmk_layer_norm_backward(
                rows, Int64(c), type, dy.pointer, dy.step, x.floats, x.step, mean, rstd, weight, dx.floats, dx.floats, dx.step, dweight,
                dbias)
            return ["y": y.values, "dx": dx.values, "dweight": dweight.values(c), "dbias": dbias.values(c)]
        })

    static let normGate = DenseOperation(
        name: "norm_gate", large: [1021, 150],
        inputs: { s in ["y": s[0] * s[1], "z": s[0] * s[1], "weight": s[1], "bias": s[1], "dout": s[0] * s[1]] },
        run: { s, v, type, padding in
            let (arena, rows, c) = (Arena(), Int64(s[0]), s[1])
            let y = arena.floats(v["y"]!), z = arena.rows(v["z"]!, channels: c, padding: padding, type: type)
            let (weight, bias, mean, rstd) = (
                arena.floats(v["weight"]!), arena.floats(v["bias"]!), arena.floats(count: s[0]), arena.floats(count: s[0])
            )
            let out = arena.output(s[0] * c, channels: c, type: type)
            vmk_norm_gate_forward(rows, Int64(c), y, type, z.pointer, z.step, weight, bias, epsilon, out.pointer, mean, rstd)
            let dout = arena.rows(v["dout"]!, channels: c, type: type), dy = arena.floats(count: s[0] * c)
            let dz = arena.output(s[0] * c, channels: c, padding: 2 * padding, type: type)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            vmk_norm_gate_backward(
                rows, Int64(c), type, dout.pointer, y, mean, rstd, z.pointer, z.step, weight, bias, dy, dz.pointer, dz.step, dweight, dbias)
            return [
                "out": out.values, "dy": dy.values(s[0] * c), "dz": dz.values, "dweight": dweight.values(c), "dbias": dbias.values(c),
            ]
        })

    static let depthwiseSilu = DenseOperation(
        name: "depthwise_silu", large: [2, 67, 5, 150],
        inputs: { s in
            let n = s[0] * s[1] * s[2] * s[3]
            return ["x": n, "weight": 9 * s[3], "bias": s[3], "dy": n, "dy2": n]
        },
        run: { s, v, type, padding in
            let (arena, c) = (Arena(), s[3])
            let (B, H, W, C) = (Int64(s[0]), Int64(s[1]), Int64(s[2]), Int64(c))
            let n = s[0] * s[1] * s[2] * c
            let x = arena.rows(v["x"]!, channels: c, padding: padding, type: type), y = arena.output(n, channels: c, type: type)
            let (weight, bias) = (arena.floats(v["weight"]!), arena.floats(v["bias"]!))
            vmk_depthwise_silu_forward(B, H, W, C, type, x.pointer, x.step, weight, bias, y.pointer)
            let dy = arena.floats(v["dy"]!), dy2 = arena.rows(v["dy2"]!, channels: c, type: type)
            let dx = arena.output(n, channels: c, padding: 2 * padding, type: type)
            let (dweight, dbias) = (arena.floats(count: 9 * c), arena.floats(count: c))
            vmk_depthwise_silu_backward(
                B, H, W, C, type, dy, dy2.pointer, x.pointer, x.step, weight, bias, dx.pointer, dx.step, dweight, dbias)
            return ["y": y.values, "dx": dx.values, "dweight": dweight.values(9 * c), "dbias": dbias.values(c)]
        })

    static let mergeNorm = DenseOperation(
        name: "merge_norm", large: [2, 64, 64, 37],
        inputs: { s in
            let n = s[0] * s[1] * s[2] * s[3]
            return ["x": n, "weight": 4 * s[3], "bias": 4 * s[3], "dy": n]
        },
        run: { s, v, type, _ in
            let (arena, c) = (Arena(), 4 * s[3])
            let (B, H, W, C) = (Int64(s[0]), Int64(s[1]), Int64(s[2]), Int64(s[3]))
            let n = s[0] * s[1] * s[2] * s[3], tokens = n / c
            let x = arena.floats(v["x"]!), y = arena.output(n, channels: c, type: type)
            let (weight, mean, rstd) = (arena.floats(v["weight"]!), arena.floats(count: tokens), arena.floats(count: tokens))
            vmk_merge_norm_forward(B, H, W, C, x, weight, arena.floats(v["bias"]!), epsilon, type, y.pointer, mean, rstd)
            let dy = arena.rows(v["dy"]!, channels: c, type: type), dx = arena.floats(count: n)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            vmk_merge_norm_backward(B, H, W, C, type, dy.pointer, x, mean, rstd, weight, dx, dweight, dbias)
            return ["y": y.values, "dx": dx.values(n), "dweight": dweight.values(c), "dbias": dbias.values(c)]
        })

    static let expandNorm = DenseOperation(
        name: "expand_norm", large: [2, 32, 32, 37, 2],
        inputs: { s in
            let n = s[0] * s[1] * s[2] * s[3] * s[4] * s[4]
            return ["e": n, "weight": s[3], "bias": s[3], "dy": n]
        },
        run: { s, v, type, _ in
            let (arena, c) = (Arena(), s[3])
            let (B, H, W, C, scale) = (Int64(s[0]), Int64(s[1]), Int64(s[2]), Int64(c), Int64(s[4]))
            let n = s[0] * s[1] * s[2] * c * s[4] * s[4]
            let e = arena.rows(v["e"]!, channels: c, type: type), y = arena.floats(count: n), weight = arena.floats(v["weight"]!)
            vmk_expand_norm_forward(B, H, W, C, scale, type, e.pointer, weight, arena.floats(v["bias"]!), epsilon, y)
            let de = arena.output(n, channels: c, type: type)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            vmk_expand_norm_backward(
                B, H, W, C, scale, arena.floats(v["dy"]!), type, e.pointer, weight, epsilon, de.pointer, dweight, dbias)
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
        run: { s, v, type, _ in
            let (arena, c, k) = (Arena(), s[3], s[4])
            let (B, H, W, C, K) = (Int64(s[0]), Int64(s[1]), Int64(s[2]), Int64(c), Int64(k))
            let pixels = s[0] * s[1] * s[2] * 16
            let e = arena.rows(v["e"]!, channels: c, type: type), logits = arena.floats(count: pixels * k)
            let (weight, bias, conv) = (arena.floats(v["weight"]!), arena.floats(v["bias"]!), arena.floats(v["conv"]!))
            vmk_head_forward(B, H, W, C, K, type, e.pointer, weight, bias, epsilon, conv, arena.floats(v["conv_bias"]!), logits)
            let de = arena.output(pixels * c, channels: c, type: type)
            let (dweight, dbias) = (arena.floats(count: c), arena.floats(count: c))
            let (dconv, dconvBias) = (arena.floats(count: k * c), arena.floats(count: k))
            vmk_head_backward(
                B, H, W, C, K, arena.floats(v["dlogits"]!), type, e.pointer, weight, bias, epsilon, conv, de.pointer, dweight, dbias, dconv,
                dconvBias)
            return [
                "logits": logits.values(pixels * k), "de": de.values, "dweight": dweight.values(c), "dbias": dbias.values(c),
                "dconv": dconv.values(k * c), "dconv_bias": dconvBias.values(k),
            ]
        })

    static let patchify = DenseOperation(
        name: "patchify", large: [2, 3, 64, 48], inputs: { s in ["image": s[0] * s[1] * s[2] * s[3], "dpatches": s[0] * 3 * s[2] * s[3]] },
        run: { s, v, type, _ in
            let arena = Arena()
            let (B, C, H, W) = (Int64(s[0]), Int64(s[1]), Int64(s[2]), Int64(s[3]))
            let patches = arena.output(s[0] * 3 * s[2] * s[3], channels: 48, type: type)
            vmk_patchify_forward(B, C, 3, H, W, arena.floats(v["image"]!), type, patches.pointer)
            let dpatches = arena.rows(v["dpatches"]!, channels: 48, type: type), n = s[0] * s[1] * s[2] * s[3]
            let dimage = arena.floats(count: n)
            vmk_patchify_backward(B, C, 3, H, W, type, dpatches.pointer, dimage)
            return ["patches": patches.values, "dimage": dimage.values(n)]
        })

    static let residual = DenseOperation(
        name: "residual", large: [3, 40001],
        inputs: { s in ["x": s[0] * s[1], "branch": s[0] * s[1], "scale": s[0], "dout": s[0] * s[1]] },
        run: { s, v, type, _ in
            let (arena, B, n) = (Arena(), Int64(s[0]), Int64(s[1]))
            let branch = arena.rows(v["branch"]!, channels: 1, type: type), scale = arena.floats(v["scale"]!)
            let out = arena.floats(v["x"]!), plain = arena.floats(v["x"]!), dout = arena.floats(v["dout"]!)
            vmk_residual_forward(B, n, out, type, branch.pointer, scale, out)
            vmk_residual_forward(B, n, plain, type, branch.pointer, nil, plain)
            let total = s[0] * s[1]
            let dbranch = arena.output(total, channels: 1, type: type), dplain = arena.output(total, channels: 1, type: type)
            vmk_residual_backward(B, n, dout, scale, type, dbranch.pointer)
            vmk_residual_backward(B, n, dout, nil, type, dplain.pointer)
            return ["out": out.values(total), "plain": plain.values(total), "dbranch": dbranch.values, "dplain": dplain.values]
        })

    static let gemm = DenseOperation(
        name: "gemm_tn", large: [2050, 70, 60], inputs: { s in ["dy": s[0] * s[1], "x": s[0] * s[2], "before": s[1] * s[2]] },
        run: { s, v, type, padding in
            let arena = Arena()
            let (m, n, k) = (Int64(s[0]), Int64(s[1]), Int64(s[2]))
            let dy = arena.rows(v["dy"]!, channels: s[1], padding: padding, type: type)
            let x = arena.rows(v["x"]!, channels: s[2], padding: 2 * padding, type: type)
            let dw = arena.floats(count: s[1] * s[2]), added = arena.floats(v["before"]!)
            vmk_gemm_tn(m, n, k, type, dy.pointer, dy.step, type, x.pointer, x.step, 0, dw)
            vmk_gemm_tn(m, n, k, type, dy.pointer, dy.step, type, x.pointer, x.step, 1, added)
            return ["dw": dw.values(s[1] * s[2]), "added": added.values(s[1] * s[2])]
        })

    /// A Linear layer's forward product and the gradient of its input, by weights prepared for either.
    static let linear = DenseOperation(
        name: "linear", large: [1030, 100, 70],
        inputs: { s in ["x": s[0] * s[2], "weight": s[1] * s[2], "residual": s[0] * s[1], "dy": s[0] * s[1]] },
        run: { s, v, type, padding in
            let arena = Arena()
            let (m, n, k) = (Int64(s[0]), Int64(s[1]), Int64(s[2]))
            let weight = arena.floats(v["weight"]!)
            let forward = arena.floats(count: Int(vmk_packed_bytes(n, k)) / 4),
                backward = arena.floats(count: Int(vmk_packed_bytes(k, n)) / 4)
            vmk_pack_weight(n, k, 1, type, weight, forward)
            vmk_pack_weight(k, n, 0, type, weight, backward)
            let x = arena.rows(v["x"]!, channels: s[2], padding: padding, type: type)
            let dy = arena.rows(v["dy"]!, channels: s[1], padding: 2 * padding, type: type)
            let y = arena.output(s[0] * s[1], channels: s[1], type: type), sum = arena.floats(v["residual"]!)
            vmk_gemm_packed(m, n, k, type, x.pointer, x.step, forward, nil, type, y.pointer)
            vmk_gemm_packed(m, n, k, type, x.pointer, x.step, forward, sum, VMK_FLOAT32, sum)
            let dx = arena.floats(count: s[0] * s[2])
            vmk_gemm_packed(m, k, n, type, dy.pointer, dy.step, backward, nil, VMK_FLOAT32, dx)
            return ["y": y.values, "sum": sum.values(s[0] * s[1]), "dx": dx.values(s[0] * s[2])]
        })
}
