import Torch
import VMUNet

/// Runs the network on libtorch's tensors with autograd, for training and GPUs. The operators are
/// registered in CTorch/Operators/register.cpp.
package enum TorchEngine: Engine {
    package typealias Tensor = ParameterStore.Parameter
    package typealias Source = ParameterStore

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

    package static func patchify(_ images: Tensor, channels: Int) -> Tensor { patchifyOp(.tensor(images), .int(channels)) }

    package static func linear(
        _ x: Tensor, _ weight: Tensor, bias: Tensor?, residual: Tensor?, to precision: Precision?
    ) -> Tensor {
        // A convolution's weight [C, channels, 4, 4] as a matrix with C rows.
        let matrix = weight.rank == 2 ? weight : weight.reshaped([weight.size(0), weight.count / max(weight.size(0), 1)])
        OperationCount.add { x.count * matrix.size(0) }
        let type: Operator.Argument = precision.map { .elementType($0.elementType) } ?? .none
        return linearOp(.tensor(x), .tensor(matrix), .optional(bias), .optional(residual), type)
    }

    package static func linearHalves(_ x: Tensor, _ weight: Tensor) -> (Tensor, Tensor) {
        OperationCount.add { x.count * weight.size(0) }
        let halves = linearHalvesOp([.tensor(x), .tensor(weight)], results: 2)
        return (halves[0], halves[1])
    }

    package static func layerNorm(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, to precision: Precision) -> Tensor {
        layerNormOp(.tensor(x), .tensor(weight), .tensor(bias), .elementType(precision.elementType))
    }

    package static func depthwiseConvolutionSiLU(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
        OperationCount.add { x.count * weight.size(2) * weight.size(3) }
        return depthwiseOp(.tensor(x), .tensor(weight), .tensor(bias))
    }

    package static func ss2d(_ x: Tensor, _ p: SS2DParameters<Tensor>) -> Tensor {
        // Four directions: their projections, and three multiply-adds for an update of the scan.
        OperationCount.add { x.count * 4 * (p.xProjWeight.size(1) + p.dtProjsWeight.size(2) + 3 * p.aLogs.size(1)) }
        return ss2dOp(.tensor(x), .tensor(p.xProjWeight), .tensor(p.dtProjsWeight), .tensor(p.dtProjsBias), .tensor(p.aLogs), .tensor(p.ds))
    }

    package static func normGate(_ y: Tensor, _ weight: Tensor, _ bias: Tensor, _ z: Tensor) -> Tensor {
        normGateOp(.tensor(y), .tensor(weight), .tensor(bias), .tensor(z))
    }

    package static func mergeNorm(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, to precision: Precision) -> Tensor {
        mergeNormOp(.tensor(x), .tensor(weight), .tensor(bias), .elementType(precision.elementType))
    }

    package static func expandNorm(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, scale: Int) -> Tensor {
        expandNormOp(.tensor(x), .tensor(weight), .tensor(bias), .int(scale))
    }

    package static func head(_ x: Tensor, normWeight: Tensor, normBias: Tensor, weight: Tensor, bias: Tensor) -> Tensor {
        OperationCount.add { x.count * weight.size(0) }
        return headOp(.tensor(x), .tensor(normWeight), .tensor(normBias), .tensor(weight), .tensor(bias))
    }

    package static func addBranch(_ x: Tensor, _ branch: Tensor, scale: Tensor?) -> Tensor {
        addBranchOp(.tensor(x), .tensor(branch), .optional(scale))
    }

    package static func cast(_ x: Tensor, to precision: Precision) -> Tensor { x.to(precision.elementType) }

    package static func branchScale(rate: Double, imagesOf x: Tensor) -> Tensor {
        let keep = 1 - rate
        return withoutGradients {
            BatchPart.rows(own: x.size(0)) { (Tensor.random(count: $0, device: x.device) + keep).floored() * (1 / keep) }
        }
    }

    package static func module(_ name: @autoclosure () -> String, _ body: () -> Tensor) -> Tensor {
        let x = Profile.module(name(), body)
        if let watch = FiniteWatch.current { watch.look(at: x, name()) }
        return x
    }
}
