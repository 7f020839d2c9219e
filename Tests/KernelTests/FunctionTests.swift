import CKernels
import Foundation
import Testing

/// A function of one number: the kernel, the result in double precision, and the largest allowed
/// error in units in the last place of a normal result. All floats were once compared, and no
/// result was below its left neighbour's. The largest errors on AVX-512, AVX2 and portable were:
/// exp 2.4, 3.7, 4.0; decay 2.4, 3.2, 3.6; softplus 3.7, 4.0, 4.1; sigmoid 4.5, 4.4, 4.1.
struct Function: Sendable, CustomTestStringConvertible {
    let name: String
    let kernel: @Sendable (Int64, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    let truth: @Sendable (Double) -> Double
    let ulp: Double
    var range: ClosedRange<Float> = -200...200
    var isMonotone = true

    var testDescription: String { name }

    func callAsFunction(_ x: [Float]) -> [Float] {
        [Float](unsafeUninitializedCapacity: x.count) { buffer, count in
            kernel(Int64(x.count), x, buffer.baseAddress!)
            count = x.count
        }
    }

    static let all = [
        Function(name: "exp", kernel: { vmk_exp($0, $1, $2) }, truth: { Foundation.exp($0) }, ulp: 4),
        Function(name: "sigmoid", kernel: { vmk_sigmoid($0, $1, $2) }, truth: { 1 / (1 + Foundation.exp(-$0)) }, ulp: 5, range: -87...200),
        Function(
            name: "softplus", kernel: { vmk_softplus($0, $1, $2) }, truth: { max($0, 0) + log1p(Foundation.exp(-abs($0))) }, ulp: 4.5),
        Function(
            name: "silu", kernel: { vmk_silu($0, $1, $2) }, truth: { $0 / (1 + Foundation.exp(-$0)) }, ulp: 6, range: -87...200,
            isMonotone: false),
        Function(name: "decay", kernel: { vmk_decay($0, $1, $2) }, truth: { Foundation.exp2($0) }, ulp: 4, range: -200...0),
    ]
}

extension KernelTests {
    @Suite struct Functions {
        /// Every 509th float of the range, of either sign, down to subnormal ones.
        @Test(arguments: Function.all, instructionSets) func isNearTheTruth(function: Function, instructionSet: String) {
            let top = max(abs(function.range.lowerBound), function.range.upperBound).bitPattern
            let magnitudes = stride(from: 0, through: top, by: 509).map { Float(bitPattern: $0) }
            var worst = (error: 0.0, at: Float(0))
            for x in [magnitudes, magnitudes.map { -$0 }] {
                let x = x.filter { function.range.contains($0) }
                let y = with(instructionSet: instructionSet) { function(x) }
                for (x, y) in zip(x, y) {
                    let truth = function.truth(Double(x))
                    let rounded = Float(truth)
                    if rounded.isInfinite {
                        if y != rounded { worst = (.infinity, x) }
                    } else if abs(rounded) >= .leastNormalMagnitude {
                        let error = abs(Double(y) - truth) / Double(rounded.ulp)
                        if !(error <= worst.error) { worst = (error.isNaN ? .infinity : error, x) }
                    } else if !(abs(Double(y) - truth) <= Double(Float.leastNormalMagnitude)) {
                        worst = (.infinity, x)
                    }
                }
            }
            #expect(worst.error <= function.ulp, "at \(worst.at)")
        }

        /// Neighbouring floats around each border between two pieces of 2^x (multiples of 1/32),
        /// around softplus's two borders, and at evenly spaced places.
        @Test(arguments: Function.all.filter(\.isMonotone), instructionSets) func neverFalls(function: Function, instructionSet: String) {
            let unit = function.name == "decay" ? 1.0 : log(2.0)
            var centres: [Float] = [-0.5, 1]
            for piece in -150 * 32...130 * 32 { centres.append(Float(Double(piece) / 32 * unit)) }
            for place in 0..<4000 { centres.append(-110 + 0.05 * Float(place) + 0.0123) }
            for exponent in -40...6 {
                centres.append(Float(sign: .minus, exponent: exponent, significand: 1.37))
                centres.append(Float(sign: .plus, exponent: exponent, significand: 1.37))
            }
            var falls: [Float] = []
            let x = centres.filter { function.range.contains($0) }.sorted().flatMap { centre in
                let run = (-48...48).map { steps in
                    let pattern = Int64(centre.bitPattern & 0x7fff_ffff) + Int64(centre < 0 ? -steps : steps)
                    return Float(bitPattern: UInt32(max(0, pattern))) * (centre < 0 ? -1 : 1)
                }
                return run
            }
            let y = with(instructionSet: instructionSet) { function(x) }
            for i in 1..<x.count where x[i] > x[i - 1] && !(y[i] >= y[i - 1]) { falls.append(x[i]) }
            #expect(falls.isEmpty)
        }

        @Test(arguments: instructionSets) func endsAreRight(instructionSet: String) throws {
            with(instructionSet: instructionSet) {
                let ends: [Float] = [-.infinity, -.greatestFiniteMagnitude, -1000, -0.0, 0, 1000, .greatestFiniteMagnitude, .infinity]
                #expect(Function.all[0](ends) == [0, 0, 0, 1, 1, .infinity, .infinity, .infinity])
                #expect(Function.all[1](ends) == [0, 0, 0, 0.5, 0.5, 1, 1, 1])
                let softplus = Function.all[2](ends)
                #expect(Array(softplus[..<3]) == [0, 0, 0] && Array(softplus[5...]) == [1000, .greatestFiniteMagnitude, .infinity])
                #expect(Function.all[4]([-.infinity, -1e30, -1000, -151, -0.0, 0]) == [0, 0, 0, 0, 1, 1])
                for function in Function.all {
                    #expect(function([.nan, 1, -.nan]).map(\.isNaN) == [true, false, true], "\(function.name)")
                    #expect(function([]) == [])
                }
            }
        }

        /// Lengths that are not multiples of a vector. A number's result does not depend on its
        /// place.
        @Test(arguments: instructionSets) func everyLengthIsRight(instructionSet: String) {
            with(instructionSet: instructionSet) {
                let x = (0..<37).map { -Float($0) * 0.37 }
                for function in Function.all {
                    let whole = function(x)
                    for length in 1..<37 { #expect(function(Array(x[..<length])) == Array(whole[..<length])) }
                }
            }
        }
    }
}
