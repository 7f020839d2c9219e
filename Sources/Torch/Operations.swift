import Foundation
import TensorFiles

/// libtorch's operators under their PyTorch names.
private enum Aten {
    static let add = Operator("aten::add", "Tensor")
    static let addScalar = Operator("aten::add", "Scalar")
    static let sub = Operator("aten::sub", "Tensor")
    static let mul = Operator("aten::mul", "Tensor")
    static let mulScalar = Operator("aten::mul", "Scalar")
    static let div = Operator("aten::div", "Tensor")
    static let neg = Operator("aten::neg")
    static let sum = Operator("aten::sum")
    static let sumAxes = Operator("aten::sum", "dim_IntList")
    static let mean = Operator("aten::mean")
    static let reshape = Operator("aten::reshape")
    static let permute = Operator("aten::permute")
    static let narrow = Operator("aten::narrow")
    static let contiguous = Operator("aten::contiguous")
    static let cat = Operator("aten::cat")
    static let to = Operator("aten::to", "dtype")
    static let sigmoid = Operator("aten::sigmoid")
    static let logSigmoid = Operator("aten::log_sigmoid")
    static let minimum = Operator("aten::minimum")
    static let power = Operator("aten::pow", "Tensor_Scalar")
    static let softmax = Operator("aten::softmax", "int")
    static let logSoftmax = Operator("aten::log_softmax", "int")
    static let argmax = Operator("aten::argmax")
    static let isFinite = Operator("aten::isfinite")
    static let all = Operator("aten::all")
    static let clone = Operator("aten::clone")
    static let detach = Operator("aten::detach")
    static let copy = Operator("aten::copy_")
    static let bce = Operator("aten::binary_cross_entropy_with_logits")
    static let full = Operator("aten::full")
    static let crossEntropy = Operator("aten::cross_entropy_loss")
    static let oneHot = Operator("aten::one_hot")
    static let rand = Operator("aten::rand")
    static let floor = Operator("aten::floor")
    static let zerosLike = Operator("aten::zeros_like")
    static let uniform = Operator("aten::uniform_")
    static let normal = Operator("aten::normal_")
    static let fill = Operator("aten::fill_", "Scalar")
    static let whereSelf = Operator("aten::where", "self")
    static let lessEqual = Operator("aten::le", "Scalar")
    static let abs = Operator("aten::abs")
    static let exp = Operator("aten::exp")
    static let log = Operator("aten::log")
    static let expm1 = Operator("aten::expm1")
    static let clampMax = Operator("aten::clamp_max")
    static let notEqual = Operator("aten::ne", "Scalar")
    static let clampMin = Operator("aten::clamp_min")
    static let linear = Operator("aten::linear")
    static let matmul = Operator("aten::matmul")
    static let layerNorm = Operator("aten::layer_norm")
    static let gelu = Operator("aten::gelu")
    static let silu = Operator("aten::silu")
    static let sqrt = Operator("aten::sqrt")
    static let dropout = Operator("aten::dropout")
    static let roll = Operator("aten::roll")
    static let meanAxes = Operator("aten::mean", "dim")
    static let maxAxis = Operator("aten::max", "dim")
    static let indexSelect = Operator("aten::index_select")
    static let linalgNorm = Operator("aten::linalg_vector_norm")
}

extension Tensor {
    package static func + (a: Tensor, b: Tensor) -> Tensor { Aten.add(.tensor(a), .tensor(b)) }
    package static func - (a: Tensor, b: Tensor) -> Tensor { Aten.sub(.tensor(a), .tensor(b)) }
    package static func * (a: Tensor, b: Tensor) -> Tensor { Aten.mul(.tensor(a), .tensor(b)) }
    package static func / (a: Tensor, b: Tensor) -> Tensor { Aten.div(.tensor(a), .tensor(b)) }
    package static func + (a: Tensor, b: Double) -> Tensor { Aten.addScalar(.tensor(a), .double(b)) }
    package static func * (a: Tensor, b: Double) -> Tensor { Aten.mulScalar(.tensor(a), .double(b)) }
    package static func * (a: Double, b: Tensor) -> Tensor { b * a }
    package static func - (a: Double, b: Tensor) -> Tensor { -b + a }
    package static prefix func - (a: Tensor) -> Tensor { Aten.neg(.tensor(a)) }

    package func sum() -> Tensor { Aten.sum(.tensor(self)) }
    package func sum(axes: [Int]) -> Tensor { Aten.sumAxes(.tensor(self), .ints(axes)) }
    package func mean() -> Tensor { Aten.mean(.tensor(self)) }
    /// Means along axes, which stay with one entry.
    package func mean(keepingAxes axes: [Int]) -> Tensor { Aten.meanAxes(.tensor(self), .ints(axes), .bool(true)) }
    /// The greatest values along an axis, which stays with one entry. The first of equal ones takes
    /// the gradient.
    package func greatest(keepingAxis axis: Int) -> Tensor { Aten.maxAxis([.tensor(self), .int(axis), .bool(true)], results: 2)[0] }

    package func reshaped(_ shape: [Int]) -> Tensor { Aten.reshape(.tensor(self), .ints(shape)) }
    package func permuted(_ axes: [Int]) -> Tensor { Aten.permute(.tensor(self), .ints(axes)) }
    package func contiguous() -> Tensor { Aten.contiguous(.tensor(self)) }

    /// A view of `length` entries of an axis, from `start` on.
    package func narrowed(axis: Int, start: Int, length: Int) -> Tensor {
        Aten.narrow(.tensor(self), .int(axis), .int(start), .int(length))
    }
    package static func concatenated(_ tensors: [Tensor], axis: Int) -> Tensor { Aten.cat(.tensors(tensors), .int(axis)) }

    /// The values in another element type; the tensor itself if it already has that type.
    package func to(_ type: ElementType) -> Tensor {
        type == elementType ? self : Aten.to(.tensor(self), .elementType(type))
    }

    /// x·Wᵀ + b: [.., K] by a weight [N, K] → [.., N].
    package func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
        OperationCount.add { count * weight.size(0) }
        return Aten.linear(.tensor(self), .tensor(weight), .optional(bias))
    }
    /// Products of matrices [.., M, K] and [.., K, N], one for each place before them.
    package func multiplied(by other: Tensor) -> Tensor {
        OperationCount.add { count * other.size(-1) }
        return Aten.matmul(.tensor(self), .tensor(other))
    }
    /// Normalised over the last axis, then scaled and shifted.
    package func layerNormalized(weight: Tensor, bias: Tensor, epsilon: Double) -> Tensor {
        Aten.layerNorm(.tensor(self), .ints([weight.count]), .tensor(weight), .tensor(bias), .double(epsilon), .bool(true))
    }
    /// Half of x (1 + erf(x / √2)).
    package func gelu() -> Tensor { Aten.gelu(.tensor(self), .string("none")) }
    /// x · sigmoid(x).
    package func silu() -> Tensor { Aten.silu(.tensor(self)) }
    package func squareRoot() -> Tensor { Aten.sqrt(.tensor(self)) }
    package func exponential() -> Tensor { Aten.exp(.tensor(self)) }
    /// Each value zero with probability `rate`, the others as much larger.
    package func droppedOut(_ rate: Double) -> Tensor { Aten.dropout(.tensor(self), .double(rate), .bool(true)) }
    /// Rolls every axis by its shift; values that leave at one end enter at the other.
    package func rolled(_ shifts: [Int], axes: [Int]) -> Tensor { Aten.roll(.tensor(self), .ints(shifts), .ints(axes)) }
    /// The entries of an axis at these indices (int64).
    package func selected(axis: Int, at indices: Tensor) -> Tensor { Aten.indexSelect(.tensor(self), .int(axis), .tensor(indices)) }
    package func transposed(_ a: Int, _ b: Int) -> Tensor {
        var axes = Array(0..<rank)
        axes.swapAt(a < 0 ? a + rank : a, b < 0 ? b + rank : b)
        return permuted(axes)
    }
    /// `count` equal parts of an axis, as views.
    package func parts(_ count: Int, axis: Int) -> [Tensor] {
        let length = size(axis) / count
        return (0..<count).map { narrowed(axis: axis, start: $0 * length, length: length) }
    }

    package func sigmoid() -> Tensor { Aten.sigmoid(.tensor(self)) }
    /// log(sigmoid(x)), in a form that cannot overflow.
    package func logSigmoid() -> Tensor { Aten.logSigmoid(.tensor(self)) }
    /// The lesser of two values; where they are equal, each takes half of the gradient.
    package func minimum(_ other: Tensor) -> Tensor { Aten.minimum(.tensor(self), .tensor(other)) }
    package func power(_ exponent: Double) -> Tensor { Aten.power(.tensor(self), .double(exponent)) }
    package func softmax(axis: Int) -> Tensor { Aten.softmax(.tensor(self), .int(axis)) }
    package func logSoftmax(axis: Int) -> Tensor { Aten.logSoftmax(.tensor(self), .int(axis)) }
    /// The index of the greatest value along an axis, int64.
    package func argmax(axis: Int) -> Tensor { Aten.argmax(.tensor(self), .int(axis)) }

    /// True if no value is NaN or infinite.
    package var isFinite: Bool { Aten.all(.tensor(Aten.isFinite(.tensor(self)))).item != 0 }

    /// √Σx² over all values, as a one-element tensor.
    package func norm() -> Tensor { Aten.linalgNorm(.tensor(self)) }

    /// A copy that shares no memory; autograd records it like any operation.
    package func copied() -> Tensor { Aten.clone(.tensor(self)) }
    /// The same values, detached from the recorded graph.
    package func detached() -> Tensor { Aten.detach(.tensor(self)) }
    package func zerosLike() -> Tensor { Aten.zerosLike(.tensor(self)) }

    /// Overwrites the values with those of `other`, of the same shape.
    package func assign(_ other: Tensor) { _ = withoutGradients { Aten.copy(.tensor(self), .tensor(other)) } }
    package func fillUniform(from low: Double, to high: Double) { _ = Aten.uniform(.tensor(self), .double(low), .double(high)) }
    package func fillNormal(mean: Double, standardDeviation: Double) {
        _ = Aten.normal(.tensor(self), .double(mean), .double(standardDeviation))
    }
    package func fill(_ value: Double) { _ = Aten.fill(.tensor(self), .double(value)) }

    /// Binary cross-entropy of logits against targets in 0…1, each value times its weight, in a
    /// form that cannot overflow.
    package func binaryCrossEntropy(target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean) -> Tensor {
        Aten.bce(.tensor(self), .tensor(target), .optional(weight), .none, .int(reduction.rawValue))
    }

    /// A loss's reduction of its values; the raw values are libtorch's.
    package enum Reduction: Int, Sendable { case mean = 1, sum = 2 }

    /// Cross-entropy of logits [B, classes, …] against labels [B, …] (int64): weighted mean or sum
    /// over labels that are not ignored.
    package func crossEntropy(
        labels: Tensor, classWeights: Tensor? = nil, ignoring ignored: Int = -100, reduction: Reduction = .mean
    ) -> Tensor {
        Aten.crossEntropy(.tensor(self), .tensor(labels), .optional(classWeights), .int(reduction.rawValue), .int(ignored))
    }

    /// Lowers values of at least `limit` to `limit` − 1. Used on labels outside the classes before
    /// one-hot coding.
    package func clamped(below limit: Int) -> Tensor { Aten.clampMax(.tensor(self), .int(limit - 1)) }
    /// Raises values below `least` to `least`.
    package func clamped(min least: Double) -> Tensor { Aten.clampMin(.tensor(self), .double(least)) }
    /// 0 for each value that equals `value`, otherwise 1, float32.
    package func differs(from value: Int) -> Tensor { Aten.notEqual(.tensor(self), .int(value)).to(.float32) }

    /// Labels [..] (int64) → [.., classes], zeros and ones, int64.
    package func oneHot(classes: Int) -> Tensor { Aten.oneHot(.tensor(self), .int(classes)) }

    /// `count` uniform numbers in [0, 1) from the device's own generator. A copy from the host
    /// would make the host wait for all queued work.
    package static func random(count: Int, device: Device = .cpu) -> Tensor {
        Aten.rand(.ints([count]), named: [("device", .device(device))])
    }
    package func floored() -> Tensor { Aten.floor(.tensor(self)) }

    /// `count` times a number, made on the device.
    package static func row(_ value: Double, count: Int, on device: Device) -> Tensor {
        Aten.full(.ints([count]), .double(value), named: [("device", .device(device))])
    }

    /// A row of numbers made on the device: nothing is copied there, and recorded work may make
    /// one.
    package static func row(_ values: [Double], on device: Device) -> Tensor {
        .concatenated(values.map { row($0, count: 1, on: device) }, axis: 0)
    }
}

// MARK: - Initial weights

extension Tensor {
    package func redrawOutside(limit: Double, standardDeviation: Double) {
        // Each round leaves at most a third of the outliers (at a limit of one deviation), so few
        // rounds are needed.
        for _ in 0..<64 {
            let inside = Aten.lessEqual(.tensor(Aten.abs(.tensor(self))), .double(limit))
            if Aten.all(.tensor(inside)).item != 0 { return }
            let fresh = Tensor(emptyOfShape: shape)
            fresh.fillNormal(mean: 0, standardDeviation: standardDeviation)
            assign(Aten.whereSelf(.tensor(inside), .tensor(self), .tensor(fresh)))
        }
    }

    package func fillLogUniform(low: Double, high: Double) {
        fillUniform(from: log(low), to: log(high))
        assign(Aten.exp(.tensor(self)))
    }

    /// x + log(1 − e⁻ˣ), whose softplus is x.
    package func inverseSoftplus() -> Tensor { self + Aten.log(.tensor(-Aten.expm1(.tensor(-self)))) }
}
