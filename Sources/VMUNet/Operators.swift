import TensorFiles
import Torch

/// The network's own operators, as registered with libtorch (CTorch/Operators/register.cpp). Activations are channels-last.
enum VMUNetOperators {
    private static let patchifyOp = Operator("vmunet::patchify")
    private static let linearOp = Operator("vmunet::linear")
    private static let linearHalvesOp = Operator("vmunet::linear_halves")
    private static let layerNormOp = Operator("vmunet::layer_norm")
    private static let depthwiseOp = Operator("vmunet::depthwise_conv_silu")
    private static let ss2dOp = Operator("vmunet::ss2d")
    private static let normGateOp = Operator("vmunet::norm_gate")
    private static let mergeNormOp = Operator("vmunet::merge_norm")
    private static let expandNormOp = Operator("vmunet::expand_norm")
    private static let headOp = Operator("vmunet::head")
    private static let addBranchOp = Operator("vmunet::add_branch")

    static func patchify(_ image: Tensor) -> Tensor { patchifyOp(.tensor(image)) }

    static func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, residual: Tensor? = nil, to type: ElementType? = nil) -> Tensor {
        linearOp(.tensor(x), .tensor(weight), .optional(bias), .optional(residual), type.map { .elementType($0) } ?? .none)
    }

    static func linearHalves(_ x: Tensor, _ weight: Tensor) -> (Tensor, Tensor) {
        let halves = linearHalvesOp([.tensor(x), .tensor(weight)], results: 2)
        return (halves[0], halves[1])
    }

    static func layerNorm(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ type: ElementType) -> Tensor {
        layerNormOp(.tensor(x), .tensor(weight), .tensor(bias), .elementType(type))
    }

    static func depthwiseConvolutionSiLU(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
        depthwiseOp(.tensor(x), .tensor(weight), .tensor(bias))
    }

    static func ss2d(_ x: Tensor, _ xProj: Tensor, _ dtWeight: Tensor, _ dtBias: Tensor, _ aLogs: Tensor, _ ds: Tensor) -> Tensor {
        ss2dOp(.tensor(x), .tensor(xProj), .tensor(dtWeight), .tensor(dtBias), .tensor(aLogs), .tensor(ds))
    }

    static func normGate(_ y: Tensor, _ weight: Tensor, _ bias: Tensor, _ z: Tensor) -> Tensor {
        normGateOp(.tensor(y), .tensor(weight), .tensor(bias), .tensor(z))
    }

    static func mergeNorm(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ type: ElementType) -> Tensor {
        mergeNormOp(.tensor(x), .tensor(weight), .tensor(bias), .elementType(type))
    }

    static func expandNorm(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, scale: Int) -> Tensor {
        expandNormOp(.tensor(x), .tensor(weight), .tensor(bias), .int(scale))
    }

    static func head(_ x: Tensor, _ normWeight: Tensor, _ normBias: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
        headOp(.tensor(x), .tensor(normWeight), .tensor(normBias), .tensor(weight), .tensor(bias))
    }

    static func addBranch(_ x: Tensor, _ branch: Tensor, scale: Tensor? = nil) -> Tensor {
        addBranchOp(.tensor(x), .tensor(branch), .optional(scale))
    }
}
