import TensorFiles
import Testing

@testable import Torch

/// Inference keeps weights in the form that products take. A kept form must never be used for
/// another weight.
@Suite struct ConstantWeightTests {
    private static let linear = Operator("vmunet::linear")

    /// float16 uses libtorch's product, like everything on a GPU; the others use this package's
    /// kernels.
    @Test(arguments: [ElementType.float32, .bfloat16, .float16]) func aChangedWeightIsSeen(type: ElementType) throws {
        let (first, again, changed, slice): ([Float], [Float], [Float], [Float]) = try withTorchErrors {
            withoutGradients {
                let values: [Float] = (0..<48).map { Float($0 % 7 - 3) }, weights: [Float] = (0..<64).map { Float($0 % 5) }
                let x = Tensor(values, shape: [3, 16]).to(type), weight = Tensor(weights, shape: [4, 16])
                func product(_ w: Tensor) -> [Float] { Self.linear(.tensor(x), .tensor(w)).floats() }
                let first = product(weight), again = product(weight)
                weight.assign(weight * 2)
                return (first, again, product(weight), product(weight.narrowed(axis: 0, start: 1, length: 2)))
            }
        }
        #expect(first == again)
        #expect(changed == first.map { $0 * 2 })
        // Rows 1 and 2 of the weight: the results' columns 1 and 2.
        let columns: [Float] = [0, 4, 8].flatMap { row in Array(changed[(row + 1)...(row + 2)]) }
        #expect(slice == columns)
    }

    /// A new weight may occupy a freed one's memory.
    @Test(arguments: [ElementType.float32, .float16]) func aFreedWeightIsForgotten(type: ElementType) throws {
        let sums: [[Float]] = try withTorchErrors {
            withoutGradients {
                let x = Tensor([Float](repeating: 1, count: 32), shape: [2, 16]).to(type)
                return (1...20).map { (i: Int) -> [Float] in
                    let weight = Tensor([Float](repeating: Float(i), count: 64), shape: [4, 16])
                    return Self.linear(.tensor(x), .tensor(weight)).floats()
                }
            }
        }
        for (i, sum) in sums.enumerated() { #expect(sum == [Float](repeating: Float((i + 1) * 16), count: 8)) }
        #expect(sums.count == 20)
    }
}
