import CKernels
import Foundation
import TestSupport
import Testing

/// A case of SS2D: inputs, and calls of the kernels and the reference.
struct SS2DCase {
    var shape: vmk_ss2d_shape
    var x: [Float], projection: [Float], dtWeight: [Float], dtBias: [Float], ALogs: [Float], Ds: [Float]

    struct Gradients: Equatable {
        var x: [Float], projection: [Float], dtWeight: [Float], dtBias: [Float], ALogs: [Float], Ds: [Float]
    }

    var D: Int { Int(shape.channels) }
    var N: Int { Int(shape.states) }
    var R: Int { Int(shape.rank) }
    var tokens: Int { Int(shape.batch * shape.height * shape.width) }
    var row: Int { R + 2 * N }

    init(batch: Int = 1, height: Int, width: Int, channels: Int, states: Int, rank: Int) {
        shape = .init(
            batch: Int64(batch), height: Int64(height), width: Int64(width), channels: Int64(channels), states: Int64(states),
            rank: Int64(rank))
        (x, projection, dtWeight, dtBias, ALogs, Ds) = ([], [], [], [], [], [])
        x = .init(repeating: 0, count: tokens * D)
        projection = .init(repeating: 0, count: tokens * 4 * row)
        dtWeight = .init(repeating: 0, count: 4 * D * R)
        dtBias = .init(repeating: 0, count: 4 * D)
        ALogs = .init(repeating: 0, count: 4 * D * N)
        Ds = .init(repeating: 0, count: 4 * D)
    }

    /// Numbers in a trained model's range.
    static func random(_ shape: [Int], seed: UInt64 = 1) -> SS2DCase {
        var numbers = Numbers(state: seed)
        var new = SS2DCase(batch: shape[0], height: shape[1], width: shape[2], channels: shape[3], states: shape[4], rank: shape[5])
        new.x = numbers.normal(new.x.count)
        new.projection = numbers.normal(new.projection.count)
        new.dtWeight = numbers.normal(new.dtWeight.count, scale: 1 / Float(new.R).squareRoot())
        new.dtBias = numbers.normal(new.dtBias.count, scale: 0.8, mean: -3)
        new.ALogs = numbers.normal(new.ALogs.count, scale: 0.5, mean: 1)
        new.Ds = numbers.normal(new.Ds.count, scale: 0.2, mean: 1)
        return new
    }

    /// x truncated to bfloat16, with `padding` numbers between tokens.
    private func bfloat16(padding: Int) -> [UInt16] {
        var values = [UInt16](repeating: 0x7fc0, count: tokens * (D + padding))
        for t in 0..<tokens { for d in 0..<D { values[t * (D + padding) + d] = UInt16(x[t * D + d].bitPattern >> 16) } }
        return values
    }

    /// Calls `body` with the kernels' view of this case.
    private func withInputs(bfloat16 half: Bool, _ body: (UnsafePointer<vmk_ss2d>) -> Void) {
        func call(_ type: vmk_type, _ x: UnsafeRawPointer?, _ stride: Int) {
            projection.withUnsafeBufferPointer { projection in
                dtWeight.withUnsafeBufferPointer { dtWeight in
                    dtBias.withUnsafeBufferPointer { dtBias in
                        ALogs.withUnsafeBufferPointer { ALogs in
                            Ds.withUnsafeBufferPointer { Ds in
                                var inputs = vmk_ss2d(
                                    shape: shape, x_type: type, x: x, x_stride: Int64(stride), projection: projection.baseAddress,
                                    dt_weight: dtWeight.baseAddress, dt_bias: dtBias.baseAddress, A_logs: ALogs.baseAddress,
                                    Ds: Ds.baseAddress, prepared: nil)
                                body(&inputs)
                            }
                        }
                    }
                }
            }
        }
        if half {
            bfloat16(padding: 3).withUnsafeBytes { call(VMK_BFLOAT16, $0.baseAddress, D + 3) }
        } else {
            x.withUnsafeBytes { call(VMK_FLOAT32, $0.baseAddress, D) }
        }
    }

    func forward(bfloat16 half: Bool = false, reference: Bool = false, borders: inout [Float]?) -> [Float] {
        var y = [Float](repeating: .nan, count: tokens * D)
        withInputs(bfloat16: half) { inputs in
            if reference {
                vmk_ss2d_forward_reference(inputs, &y)
            } else if borders != nil {
                var shape = shape
                borders = .init(repeating: .nan, count: Int(vmk_ss2d_border_count(&shape)))
                vmk_ss2d_forward(inputs, &y, &borders!)
            } else {
                vmk_ss2d_forward(inputs, &y, nil)
            }
        }
        return y
    }

    func forward(bfloat16 half: Bool = false, reference: Bool = false) -> [Float] {
        var none: [Float]?
        return forward(bfloat16: half, reference: reference, borders: &none)
    }

    func backward(bfloat16 half: Bool = false, reference: Bool = false, borders: [Float] = [], dy: [Float]) -> Gradients {
        let arena = Arena()
        var to = vmk_ss2d_gradients(
            x: arena.floats(count: tokens * D), projection: arena.floats(count: projection.count),
            dt_weight: arena.floats(count: dtWeight.count), dt_bias: arena.floats(count: dtBias.count),
            A_logs: arena.floats(count: ALogs.count), Ds: arena.floats(count: Ds.count))
        withInputs(bfloat16: half) { inputs in
            if reference {
                vmk_ss2d_backward_reference(inputs, dy, &to)
            } else {
                vmk_ss2d_backward(inputs, borders, dy, &to)
            }
        }
        return Gradients(
            x: to.x.values(tokens * D), projection: to.projection.values(projection.count), dtWeight: to.dt_weight.values(dtWeight.count),
            dtBias: to.dt_bias.values(dtBias.count), ALogs: to.A_logs.values(ALogs.count), Ds: to.Ds.values(Ds.count))
    }
}

func expectClose(
    _ actual: SS2DCase.Gradients, _ expected: SS2DCase.Gradients, _ limit: Double = 1e-4, location: SourceLocation = #_sourceLocation
) {
    for (name, path) in [
        ("x", \SS2DCase.Gradients.x), ("projection", \.projection), ("dt_weight", \.dtWeight), ("dt_bias", \.dtBias), ("A_logs", \.ALogs),
        ("Ds", \.Ds),
    ] {
        let error = relativeError(actual[keyPath: path], expected[keyPath: path])
        #expect(error <= limit, "gradient of \(name): \(error)", sourceLocation: location)
    }
}
