import Testing

@testable import Torch

/// The operators take views of other tensors, even with meaningless strides on axes of length one.
@Suite struct RowViewTests {
    enum View: CaseIterable {
        case channelsFirstOnePixel, transposedRow, narrowedColumn, halfOfTheChannels, repeatedColumn

        /// A map [.., 1 or more, 8] that is not contiguous, or does not look so.
        func map() -> Tensor {
            func random(_ shape: [Int]) -> Tensor { (Tensor.random(count: shape.reduce(1, *)) + -0.5).reshaped(shape) }
            return switch self {
            case .channelsFirstOnePixel: random([3, 8, 1, 1]).permuted([0, 2, 3, 1])
            case .transposedRow: random([2, 1, 5, 8]).permuted([0, 2, 1, 3])
            case .narrowedColumn: random([3, 1, 4, 8]).narrowed(axis: 2, start: 0, length: 1)
            case .halfOfTheChannels: random([2, 3, 5, 16]).narrowed(axis: 3, start: 8, length: 8)
            case .repeatedColumn: Operator("aten::broadcast_to")([.tensor(random([2, 3, 1, 8])), .ints([2, 3, 5, 8])], results: 1)[0]
            }
        }
    }

    @Test(arguments: View.allCases) func operatorsGiveAViewWhatTheyGiveItsCopy(of view: View) throws {
        try withTorchErrors {
            let (D, N, R) = (8, 4, 2)
            func random(_ shape: [Int]) -> Tensor { Tensor.random(count: shape.reduce(1, *)).reshaped(shape) }
            let map = view.map(), copy = Tensor(map.floats(), shape: map.shape)
            let (weight, bias) = (random([D]), random([D])), gate = Tensor(map.floats().reversed(), shape: map.shape)
            let convolution = (random([D, 1, 3, 3]), random([D]))
            let scan = [random([4, R + 2 * N, D]), random([4, D, R]), random([4, D]), random([4 * D, N]), random([4 * D])]
            for name in ["layer_norm", "norm_gate", "depthwise_conv_silu", "ss2d"] {
                func result(_ x: Tensor) -> [Float] {
                    let arguments: [Operator.Argument] =
                        switch name {
                        case "layer_norm": [.tensor(x), .tensor(weight), .tensor(bias), .elementType(.float32)]
                        case "norm_gate": [.tensor(gate), .tensor(weight), .tensor(bias), .tensor(x)]
                        case "depthwise_conv_silu": [.tensor(x), .tensor(convolution.0), .tensor(convolution.1)]
                        default: [.tensor(x)] + scan.map(Operator.Argument.tensor)
                        }
                    return Operator("vmunet::\(name)")(arguments, results: 1)[0].floats()
                }
                #expect(result(map) == result(copy), "\(name)")
            }
        }
    }
}
