import CKernels
import TestSupport
import Testing

private let fixture = Result { try GoldenFile("dense") }

extension KernelTests {
    /// SS2D's dense companions against PyTorch in float64 (make_dense_fixtures.py), and against
    /// each other.
    @Suite struct Dense {
        /// Shape, inputs and outputs of every golden case of an operation.
        private func cases(_ operation: DenseOperation) throws -> [(
            shape: [Int], inputs: DenseOperation.Values, outputs: DenseOperation.Values
        )] {
            let tensors = try fixture.get().tensors
            return (0...).lazy.map { "\(operation.name)/\($0)/" }.prefix { tensors[$0 + "shape"] != nil }.map { name in
                func values(_ kind: String) -> DenseOperation.Values {
                    let keys = tensors.keys.filter { $0.hasPrefix(name + kind) }
                    return Dictionary(uniqueKeysWithValues: keys.map { (String($0.dropFirst((name + kind).count)), tensors[$0]!.floats) })
                }
                return (tensors[name + "shape"]!.floats.map { Int($0) }, values("in."), values("out."))
            }
        }

        @Test(arguments: DenseOperation.all, instructionSets) func agreesWithPyTorch(operation: DenseOperation, instructionSet: String)
            throws
        {
            let cases = try cases(operation)
            try #require(cases.count >= 2)
            for (shape, inputs, expected) in cases {
                for padding in [0, 3] {
                    let actual = with(instructionSet: instructionSet) { operation.run(shape, inputs, VMK_FLOAT32, padding) }
                    #expect(Set(actual.keys) == Set(expected.keys))
                    for (name, values) in actual {
                        #expect(relativeError(values, expected[name] ?? []) < 5e-6, "\(name), shape \(shape), \(padding) between rows")
                    }
                }
            }
        }

        /// The inputs are exact in bfloat16, so only results stored as bfloat16 may differ, by
        /// rounding: 2⁻⁸ of each number.
        @Test(arguments: DenseOperation.all, instructionSets) func bfloat16Rounds(operation: DenseOperation, instructionSet: String) throws
        {
            for (shape, inputs, expected) in try cases(operation) {
                for padding in [0, 5] {
                    let actual = with(instructionSet: instructionSet) { operation.run(shape, inputs, VMK_BFLOAT16, padding) }
                    for (name, values) in actual {
                        let isBfloat16 = values.allSatisfy { $0.bitPattern & 0xffff == 0 }
                        let limit = isBfloat16 ? 0.004 : 5e-6
                        #expect(relativeError(values, expected[name] ?? []) < limit, "\(name), shape \(shape), \(padding) between rows")
                    }
                }
            }
        }

        @Test(arguments: DenseOperation.all, instructionSets)
        func sameBitsForAnyNumberOfThreads(operation: DenseOperation, instructionSet: String) {
            var numbers = Numbers(state: 5)
            let inputs = operation.inputs(operation.large).sorted { $0.key < $1.key }.map { ($0.key, numbers.normal($0.value)) }
            let values = Dictionary(uniqueKeysWithValues: inputs)
            for type in [VMK_FLOAT32, VMK_BFLOAT16] {
                let results = [1, 2, 5, 2].map { threads in
                    with(instructionSet: instructionSet, threads: Int32(threads)) { operation.run(operation.large, values, type, 0) }
                }
                for result in results { #expect(result == results[0]) }
                #expect(results[0].values.allSatisfy { $0.allSatisfy(\.isFinite) })
            }
        }

        /// The large shape, whose sums are divided into parts, against the portable kernels.
        @Test(arguments: DenseOperation.all, instructionSets) func instructionSetsAgree(operation: DenseOperation, instructionSet: String) {
            var numbers = Numbers(state: 6)
            let inputs = operation.inputs(operation.large).sorted { $0.key < $1.key }.map { ($0.key, numbers.normal($0.value)) }
            let values = Dictionary(uniqueKeysWithValues: inputs)
            let expected = with(instructionSet: "portable") { operation.run(operation.large, values, VMK_FLOAT32, 0) }
            let actual = with(instructionSet: instructionSet) { operation.run(operation.large, values, VMK_FLOAT32, 0) }
            for (name, result) in actual { #expect(relativeError(result, expected[name]!) < 5e-6, "\(name)") }
        }

        @Test(arguments: DenseOperation.all, instructionSets) func nothingGivesZeroGradients(
            operation: DenseOperation, instructionSet: String
        ) {
            let shape = [0] + operation.large.dropFirst()
            let inputs = operation.inputs(shape).mapValues { [Float](repeating: 0, count: $0) }
            let result = with(instructionSet: instructionSet) { operation.run(shape, inputs, VMK_FLOAT32, 0) }
            #expect(!result.isEmpty)
            for (name, values) in result { #expect(values.allSatisfy { $0 == 0 }, "\(name)") }
        }

        @Test(arguments: instructionSets) func castRoundsToNearestEven(instructionSet: String) {
            let cases: [(Float, UInt16)] = [
                (0, 0), (-0.0, 0x8000), (1, 0x3f80), (1.00390625, 0x3f80), (1.01171875, 0x3f82), (1.0039064, 0x3f81), (-1.0039064, 0xbf81),
                (.infinity, 0x7f80), (-.infinity, 0xff80), (.greatestFiniteMagnitude, 0x7f80), (.leastNonzeroMagnitude, 0),
                (Float(bitPattern: 0x0001_8000), 2), (.nan, 0x7fc0), (Float(bitPattern: 0x7f80_0001), 0x7fc0), (3.14159265, 0x4049),
            ]
            for count in [0, 1, 4, 15, 16, 17, 40000] {
                let x = (0..<count).map { cases[$0 % cases.count].0 }
                var half = [UInt16](repeating: 0x1234, count: count + 1)
                var back = [Float](repeating: 7, count: count + 1)
                with(instructionSet: instructionSet) {
                    vmk_cast(Int64(count), VMK_FLOAT32, x, VMK_BFLOAT16, &half)
                    vmk_cast(Int64(count), VMK_BFLOAT16, half, VMK_FLOAT32, &back)
                }
                #expect(half == (0..<count).map { cases[$0 % cases.count].1 } + [0x1234])
                #expect(back.dropLast().map(\.bitPattern) == half.dropLast().map { UInt32($0) << 16 } && back[count] == 7)
            }
        }

        /// Leaving out what inference and frozen layers do not need changes nothing else.
        @Test(arguments: instructionSets) func optionalResultsMayBeLeftOut(instructionSet: String) {
            var numbers = Numbers(state: 4)
            let (rows, c) = (9, 21)
            let (x, weight, bias, dy) = (numbers.normal(rows * c), numbers.normal(c), numbers.normal(c), numbers.normal(rows * c))
            func run(_ all: Bool) -> [[Float]] {
                let arena = Arena()
                let (y, dx, dweight, dbias) = (
                    arena.floats(count: rows * c), arena.floats(count: rows * c), arena.floats(count: c), arena.floats(count: c)
                )
                let (mean, rstd) = (arena.floats(count: rows), arena.floats(count: rows))
                var norm = vmk_layer_norm(
                    rows: Int64(rows), channels: Int64(c), x: arena.floats(x), x_stride: Int64(c), weight: arena.floats(weight),
                    bias: arena.floats(bias), epsilon: 1e-5, mean: all ? mean : nil, rstd: all ? rstd : nil)
                vmk_layer_norm_forward(&norm, VMK_FLOAT32, y, Int64(c))
                let forward = y.values(rows * c)
                (norm.mean, norm.rstd) = (mean, rstd)
                vmk_layer_norm_forward(&norm, VMK_FLOAT32, y, Int64(c))
                var gradients = vmk_layer_norm_gradients(
                    x: dx, x_stride: Int64(c), weight: all ? dweight : nil, bias: all ? dbias : nil)
                vmk_layer_norm_backward(&norm, VMK_FLOAT32, dy, Int64(c), &gradients)
                return [forward, dx.values(rows * c)]
            }
            with(instructionSet: instructionSet) { #expect(run(true) == run(false)) }
        }
    }
}
