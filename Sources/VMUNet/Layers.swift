extension VMUNet {
    /// y = x·Wᵀ, the network's Linear. Only the patch embedding has a bias.
    struct Linear {
        let weight: Parameter  // weight [outputs, inputs]

        init(_ path: Path, _ inputs: Int, _ outputs: Int) {
            weight = path.matrix("weight", [outputs, inputs], .truncatedNormal(standardDeviation: 0.02, limit: 2))
        }

        func callAsFunction(_ x: Tensor) -> Tensor { Operators.linear(x, weight, bias: nil, residual: nil, to: nil) }

        /// The result in float32 whatever x's type, for the residual stream.
        func inFloat32(_ x: Tensor) -> Tensor { Operators.linear(x, weight, bias: nil, residual: nil, to: .float32) }

        /// residual + x·Wᵀ in one pass over the result.
        func callAsFunction(_ x: Tensor, addedTo residual: Tensor) -> Tensor {
            Operators.linear(x, weight, bias: nil, residual: residual, to: nil)
        }

        /// The two halves of the outputs.
        func halves(_ x: Tensor) -> (Tensor, Tensor) { Operators.linearHalves(x, weight) }
    }

    /// LayerNorm over the channels, eps 1e-5; statistics in float32.
    struct LayerNorm {
        let weight: Parameter  // weight [C]
        let bias: Parameter  // bias [C]

        init(_ path: Path, channels C: Int) {
            weight = path.parameter("weight", [C], .constant(1))
            bias = path.parameter("bias", [C], .constant(0))
        }

        /// Normalised, in the element type that this mode's matrix products take.
        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {
            Operators.layerNorm(x, weight, bias, to: mode.precision)
        }

        /// LayerNorm(y) · silu(z).
        func gated(_ y: Tensor, by z: Tensor) -> Tensor { Operators.normGate(y, weight, bias, z) }
    }

    /// silu(3×3 depthwise convolution), padding 1.
    struct DepthwiseConvolution {
        let weight: Parameter  // weight [D, 1, 3, 3]
        let bias: Parameter  // bias [D]

        init(_ path: Path, channels D: Int) {
            // A fan-in of nine: each channel sees only its own 3×3 neighbourhood.
            weight = path.parameter("weight", [D, 1, 3, 3], .uniform(bound: 1 / 3))
            bias = path.parameter("bias", [D], .uniform(bound: 1 / 3))
        }

        func callAsFunction(_ x: Tensor) -> Tensor { Operators.depthwiseConvolutionSiLU(x, weight, bias) }
    }
}
