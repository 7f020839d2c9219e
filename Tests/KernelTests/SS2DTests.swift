import CKernels
import Foundation
import TestSupport
import Testing

extension KernelTests {
    @Suite struct SS2D {
        /// Sizes around every boundary: one token, one channel, one more than a vector, one more
        /// than a block of 64 tokens, states that fill no register, several parts of channels, rank
        /// beyond a vector.
        static let shapes = [
            [1, 1, 1, 1, 1, 1], [2, 1, 1, 16, 16, 2], [1, 1, 7, 16, 16, 1], [2, 3, 5, 20, 16, 3], [1, 8, 8, 17, 16, 4],
            [1, 5, 13, 33, 16, 6],
            [2, 13, 7, 17, 5, 2], [1, 6, 23, 31, 24, 19], [1, 2, 70, 7, 256, 3], [1, 9, 1, 200, 8, 12], [3, 12, 11, 96, 16, 6],
        ]

        @Test(arguments: shapes, [false, true]) func kernelsAgreeWithTheReference(shape: [Int], bfloat16: Bool) {
            let scan = SS2DCase.random(shape)
            var numbers = Numbers(state: 2)
            let dy = numbers.normal(scan.tokens * scan.D)
            let y = scan.forward(bfloat16: bfloat16, reference: true)
            let gradients = scan.backward(bfloat16: bfloat16, reference: true, dy: dy)
            for set in instructionSets {
                with(instructionSet: set) {
                    var borders: [Float]? = []
                    let error = relativeError(scan.forward(bfloat16: bfloat16, borders: &borders), y)
                    #expect(error <= 1e-5, "\(set)")
                    expectClose(scan.backward(bfloat16: bfloat16, borders: borders ?? [], dy: dy), gradients)
                }
            }
        }

        @Test(arguments: shapes) func threadsDoNotChangeABit(shape: [Int]) {
            let scan = SS2DCase.random(shape)
            var numbers = Numbers(state: 2)
            let dy = numbers.normal(scan.tokens * scan.D)
            for set in instructionSets {
                let runs = [1, 2, 5, 64].map { threads in
                    with(instructionSet: set, threads: threads) {
                        var borders: [Float]? = []
                        let y = scan.forward(borders: &borders)
                        #expect(y == scan.forward(), "borders change nothing")
                        return (y, scan.backward(borders: borders ?? [], dy: dy))
                    }
                }
                for run in runs[1...] {
                    #expect(run.0 == runs[0].0, "\(set)")
                    #expect(run.1 == runs[0].1, "\(set)")
                }
            }
        }

        /// A step so large that 2^(step A) underflows forgets the state at once; a subnormal step
        /// never does.
        @Test(arguments: instructionSets) func extremeStepsAreExact(instructionSet: String) {
            for bias in [-1000, -95, 90, 1e4, 1e30] as [Float] {
                var scan = SS2DCase.random([1, 5, 17, 18, 16, 3])
                scan.dtBias = scan.dtBias.map { _ in bias }
                var borders: [Float]? = []
                let (y, gradients) = with(instructionSet: instructionSet) {
                    let y = scan.forward(borders: &borders)
                    return (y, scan.backward(borders: borders ?? [], dy: .init(repeating: 1, count: y.count)))
                }
                #expect(relativeError(y, scan.forward(reference: true)) <= 1e-5, "bias \(bias)")
                if bias < 1e30 { expectClose(gradients, scan.backward(reference: true, dy: .init(repeating: 1, count: y.count))) }
            }
        }

        @Test func aMapWithoutTokensHasNoGradients() {
            let scan = SS2DCase(batch: 0, height: 4, width: 4, channels: 8, states: 16, rank: 2)
            #expect(scan.forward() == [])
            let gradients = scan.backward(dy: [])
            #expect(gradients.ALogs == .init(repeating: 0, count: 4 * 8 * 16) && gradients.dtBias == .init(repeating: 0, count: 32))
        }

        /// PyTorch's selective scan in double precision. Group g of the fixture is a one-row map
        /// scanned in direction g.
        @Test(arguments: ["scan_L1", "scan_L53", "scan_extreme"], instructionSets) func agreesWithPyTorchsScan(
            name: String, instructionSet: String
        ) throws {
            let fixture = try GoldenFile(name)
            let u = try #require(fixture.tensors["u"]).shape
            let (batch, channels, L, N) = (u[0], u[1] / 4, u[2], 16)
            for g in 0..<4 {
                var scan = SS2DCase(batch: batch, height: 1, width: L, channels: channels, states: N, rank: channels)
                let place = { (l: Int) in g < 2 ? l : L - 1 - l }
                /// Calls `body(index in the fixture, index in ours)` for [batch, 4 * rows, L]
                /// against [batch, L, stride] at `offset`.
                func pairs(rows: Int, stride: Int, offset: Int, _ body: (Int, Int) -> Void) {
                    for b in 0..<batch {
                        for r in 0..<rows {
                            for l in 0..<L { body((b * 4 * rows + g * rows + r) * L + l, (b * L + place(l)) * stride + offset + r) }
                        }
                    }
                }
                let (row, offset) = (4 * scan.row, g * scan.row)
                var (dy, y, dx) = (scan.x, scan.x, scan.x)
                var dprojection = scan.projection
                pairs(rows: channels, stride: channels, offset: 0) {
                    scan.x[$1] = fixture["u"][$0]
                    y[$1] = fixture["y"][$0]
                    dy[$1] = fixture["dy"][$0]
                    dx[$1] = fixture["du"][$0]
                }
                for (key, rows, at) in [("delta", channels, 0), ("B", N, channels), ("C", N, channels + N)] {
                    pairs(rows: rows, stride: row, offset: offset + at) {
                        scan.projection[$1] = fixture[key][$0]
                        dprojection[$1] = fixture["d" + key][$0]
                    }
                }
                let (first, A) = (g * channels, fixture["A"])
                var (dALogs, dBias, dDs) = (scan.ALogs, scan.dtBias, scan.Ds)
                for c in first..<first + channels {
                    scan.dtWeight[c * channels + c - first] = 1
                    scan.dtBias[c] = fixture["delta_bias"][c]
                    dBias[c] = fixture["ddelta_bias"][c]
                    scan.Ds[c] = fixture["D"][c]
                    dDs[c] = fixture["dD"][c]
                    for i in c * N..<(c + 1) * N {
                        scan.ALogs[i] = log(-A[i])
                        dALogs[i] = fixture["dA"][i] * A[i]
                    }
                }
                let actual = with(instructionSet: instructionSet) {
                    var borders: [Float]? = []
                    return (scan.forward(borders: &borders), scan.backward(borders: borders ?? [], dy: dy))
                }
                #expect(relativeError(actual.0, y) <= 1e-5)
                #expect(relativeError(actual.1.x, dx) <= 1e-4)
                // The other directions have C = 0 and weights 0, but their C has a gradient, so
                // compare only this direction's part.
                let own = { (values: [Float]) -> [Float] in
                    (0..<batch * L).flatMap { token in
                        let start = token * row + offset
                        return values[start..<start + scan.row]
                    }
                }
                #expect(relativeError(own(actual.1.projection), own(dprojection)) <= 1e-4)
                let channelsOfG = { (values: [Float], size: Int) in Array(values[first * size..<(first + channels) * size]) }
                #expect(relativeError(channelsOfG(actual.1.ALogs, N), channelsOfG(dALogs, N)) <= 1e-4)
                #expect(relativeError(channelsOfG(actual.1.dtBias, 1), channelsOfG(dBias, 1)) <= 1e-4)
                #expect(relativeError(channelsOfG(actual.1.Ds, 1), channelsOfG(dDs, 1)) <= 1e-4)
            }
        }

        /// The published module between convolution and norm, including x_proj, on a map that is
        /// not square.
        @Test(arguments: instructionSets) func agreesWithPyTorchsSS2D(instructionSet: String) throws {
            let fixture = try GoldenFile("ss2d")
            let key = { "self_attention." + $0 }
            let x = try #require(fixture.tensors["x"]).shape
            let (D, R) = (x[3], try #require(fixture.tensors[key("dt_projs_weight")]).shape[2])
            var scan = SS2DCase(batch: x[0], height: x[1], width: x[2], channels: D, states: 16, rank: R)
            scan.x = fixture["x"]
            scan.dtWeight = fixture[key("dt_projs_weight")]
            scan.dtBias = fixture[key("dt_projs_bias")]
            scan.ALogs = fixture[key("A_logs")]
            scan.Ds = fixture[key("Ds")]
            let (weight, columns) = (fixture[key("x_proj_weight")], 4 * scan.row)
            for t in 0..<scan.tokens {
                for c in 0..<columns {
                    scan.projection[t * columns + c] = Float(
                        (0..<D).reduce(0.0) { $0 + Double(scan.x[t * D + $1]) * Double(weight[c * D + $1]) })
                }
            }
            let (y, g) = with(instructionSet: instructionSet) {
                var borders: [Float]? = []
                return (scan.forward(borders: &borders), scan.backward(borders: borders ?? [], dy: fixture["dy"]))
            }
            #expect(relativeError(y, fixture["y"]) <= 1e-5)
            var (dx, dweight) = (g.x, [Float](repeating: 0, count: weight.count))
            for t in 0..<scan.tokens {
                for c in 0..<columns {
                    let dp = g.projection[t * columns + c]
                    for d in 0..<D {
                        dx[t * D + d] += dp * weight[c * D + d]
                        dweight[c * D + d] += dp * scan.x[t * D + d]
                    }
                }
            }
            #expect(relativeError(dx, fixture["dx"]) <= 1e-4)
            #expect(relativeError(dweight, fixture["d" + key("x_proj_weight")]) <= 1e-4)
            #expect(relativeError(g.dtWeight, fixture["d" + key("dt_projs_weight")]) <= 1e-4)
            #expect(relativeError(g.dtBias, fixture["d" + key("dt_projs_bias")]) <= 1e-4)
            #expect(relativeError(g.ALogs, fixture["d" + key("A_logs")]) <= 1e-4)
            #expect(relativeError(g.Ds, fixture["d" + key("Ds")]) <= 1e-4)
        }
    }
}
