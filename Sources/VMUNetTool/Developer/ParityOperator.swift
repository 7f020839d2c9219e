import TensorFiles
import Torch
import VMUNet

/// One of the network's operators, at one stage's shapes.
struct ParityOperator {
    struct Input {
        let name: String
        let shape: [Int]
        /// Values are uniform in mean ± spread / 2.
        var spread = 2.0
        var mean = 0.0
        /// True if it has the products' element type rather than float32.
        var isActivation = false
        var hasGradient = true
    }

    let name: String
    let inputs: [Input]
    /// Computes the results from the inputs and the products' element type.
    let results: ([Tensor], ElementType) -> [Tensor]

    private init(_ name: String, _ inputs: [Input], _ call: @escaping (Operator, [Operator.Argument], ElementType) -> [Tensor]) {
        let op = Operator("vmunet::" + name)
        (self.name, self.inputs) = (name, inputs)
        results = { tensors, type in call(op, tensors.map(Operator.Argument.tensor), type) }
    }

    /// Computes the results as one tensor.
    func call(_ inputs: [Tensor], _ type: ElementType) -> Tensor {
        let results = results(inputs, type)
        return results.count == 1 ? results[0] : Tensor.concatenated(results, axis: -1)
    }

    /// Multiplications and additions of its forward matrix product; 0 without one.
    var operations: Int {
        guard name.hasPrefix("linear"), let x = inputs.first, let weight = inputs.dropFirst().first else { return 0 }
        return 2 * x.shape.dropLast().reduce(1, *) * weight.shape.reduce(1, *)
    }

    /// Values from libtorch's generator, activations in `type`; inputs with gradients record them.
    func randomInputs(_ type: ElementType, on device: Device) -> [Tensor] {
        inputs.map { input in
            let value = ((Tensor.random(count: input.shape.reduce(1, *)) + -0.5) * input.spread + input.mean).reshaped(input.shape)
            return (input.isActivation ? value.to(type) : value).to(device).requiringGrad(input.hasGradient)
        }
    }

    /// All operators, for a map of side × side tokens.
    static func all(_ configuration: VMUNetConfiguration, stage: Int = 0, batch B: Int, side: Int) -> [ParityOperator] {
        let C = configuration.dims[stage], D = 2 * C, N = configuration.stateSize, R = (C + 15) / 16, c = C / 4
        let map = [B, side, side]
        func activation(_ name: String, _ shape: [Int], _ spread: Double = 4) -> Input {
            Input(name: name, shape: shape, spread: spread, isActivation: true)
        }
        func stream(_ shape: [Int]) -> Input { Input(name: "x", shape: shape, spread: 4, mean: 0.5) }
        func matrix(_ name: String, _ shape: [Int]) -> Input { Input(name: name, shape: shape, spread: 0.3) }
        func norm(_ width: Int) -> [Input] {
            [Input(name: "weight", shape: [width], spread: 1, mean: 1), Input(name: "bias", shape: [width], spread: 1)]
        }
        let all = [
            ParityOperator("patchify", [Input(name: "image", shape: [B, 3, 4 * side, 4 * side], hasGradient: false)]) { op, x, _ in
                op(x, results: 1)
            },
            ParityOperator("linear", [activation("x", map + [C]), matrix("weight", [D, C])]) { op, x, _ in op(x, results: 1) },
            ParityOperator("linear", [activation("x", map + [D]), matrix("weight", [C, D]), Input(name: "residual", shape: map + [C])]) {
                op, x, _ in
                op([x[0], x[1], .none, x[2]], results: 1)
            },
            ParityOperator("linear_halves", [activation("x", map + [C]), matrix("weight", [2 * D, C])]) { op, x, _ in
                op(x, results: 2)
            },
            ParityOperator("layer_norm", [stream(map + [C])] + norm(C)) { op, x, type in op(x + [.elementType(type)], results: 1) },
            ParityOperator(
                "depthwise_conv_silu",
                [
                    activation("x", map + [D]), Input(name: "weight", shape: [D, 1, 3, 3], spread: 1),
                    Input(name: "bias", shape: [D], spread: 1),
                ]
            ) {
                op, x, _ in op(x, results: 1)
            },
            ParityOperator(
                "ss2d",
                [
                    activation("x", map + [D]), matrix("x_proj_weight", [4, R + 2 * N, D]),
                    Input(name: "dt_projs_weight", shape: [4, D, R], spread: 1),
                    Input(name: "dt_projs_bias", shape: [4, D], mean: -3), Input(name: "A_logs", shape: [4 * D, N], spread: 1, mean: 1),
                    Input(name: "Ds", shape: [4 * D], spread: 1, mean: 1),
                ]
            ) { op, x, _ in op(x, results: 1) },
            ParityOperator("norm_gate", [stream(map + [D])] + norm(D) + [activation("z", map + [D], 6)]) { op, x, _ in op(x, results: 1)
            },
            ParityOperator("merge_norm", [stream(map + [C])] + norm(4 * C)) { op, x, type in op(x + [.elementType(type)], results: 1) },
            ParityOperator("expand_norm", [activation("x", map + [4 * C])] + norm(C)) { op, x, _ in op(x + [.int(2)], results: 1) },
            ParityOperator(
                "head",
                [activation("x", map + [16 * c])] + norm(c) + [
                    matrix("conv_weight", [configuration.classes, c, 1, 1]), Input(name: "conv_bias", shape: [configuration.classes]),
                ]
            ) {
                op, x, _ in op(x, results: 1)
            },
            ParityOperator(
                "add_branch", [stream(map + [C]), activation("branch", map + [C]), Input(name: "scale", shape: [B], hasGradient: false)]
            ) {
                op, x, _ in op(x, results: 1)
            },
        ]
        // Only the first stage handles pictures and logits.
        return stage == 0 ? all : all.filter { $0.name != "patchify" && $0.name != "head" }
    }
}
