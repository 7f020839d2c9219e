import Torch

/// Operations on lists of tensors, one call for the whole list: libtorch's `_foreach` operators.
/// Those named by a verb work in place.
enum Each {
    private static let add = Operator("aten::_foreach_add", "List")
    private static let addIn = Operator("aten::_foreach_add_", "List")
    private static let addScalarIn = Operator("aten::_foreach_add_", "Scalar")
    private static let mulScalarIn = Operator("aten::_foreach_mul_", "Scalar")
    private static let mulTensorIn = Operator("aten::_foreach_mul_", "Tensor")
    private static let mulIn = Operator("aten::_foreach_mul_", "List")
    private static let divIn = Operator("aten::_foreach_div_", "List")
    private static let addcmulIn = Operator("aten::_foreach_addcmul_", "Scalar")
    private static let addcdivIn = Operator("aten::_foreach_addcdiv_", "Scalar")
    private static let lerpIn = Operator("aten::_foreach_lerp_", "Scalar")
    private static let maximumIn = Operator("aten::_foreach_maximum_", "List")
    private static let sqrt = Operator("aten::_foreach_sqrt")
    private static let sqrtIn = Operator("aten::_foreach_sqrt_")
    private static let abs = Operator("aten::_foreach_abs")
    private static let addScalar = Operator("aten::_foreach_add", "Scalar")
    private static let zeroIn = Operator("aten::_foreach_zero_")
    private static let norm = Operator("aten::_foreach_norm", "Scalar")

    /// a + factor·b.
    static func adding(_ a: [Tensor], _ b: [Tensor], times factor: Double = 1) -> [Tensor] {
        add([.tensors(a), .tensors(b)], named: [("alpha", .double(factor))], results: a.count)
    }
    static func adding(_ a: [Tensor], _ b: Double) -> [Tensor] { addScalar([.tensors(a), .double(b)], results: a.count) }
    static func roots(_ a: [Tensor]) -> [Tensor] { sqrt([.tensors(a)], results: a.count) }
    static func magnitudes(_ a: [Tensor]) -> [Tensor] { abs([.tensors(a)], results: a.count) }
    /// √Σx² of each tensor, as one-element tensors.
    static func norms(_ a: [Tensor]) -> [Tensor] { norm([.tensors(a), .double(2)], results: a.count) }

    /// a ← a + factor·b.
    static func add(_ a: [Tensor], _ b: [Tensor], times factor: Double = 1) {
        _ = addIn([.tensors(a), .tensors(b)], named: [("alpha", .double(factor))], results: 0)
    }
    static func add(_ a: [Tensor], _ b: Double) { _ = addScalarIn([.tensors(a), .double(b)], results: 0) }
    static func multiply(_ a: [Tensor], by factor: Double) { _ = mulScalarIn([.tensors(a), .double(factor)], results: 0) }
    /// Multiplies all by one number that stays on the device.
    static func multiply(_ a: [Tensor], by factor: Tensor) { _ = mulTensorIn([.tensors(a), .tensor(factor)], results: 0) }
    static func multiply(_ a: [Tensor], by b: [Tensor]) { _ = mulIn([.tensors(a), .tensors(b)], results: 0) }
    static func divide(_ a: [Tensor], by b: [Tensor]) { _ = divIn([.tensors(a), .tensors(b)], results: 0) }
    static func takeRoots(_ a: [Tensor]) { _ = sqrtIn([.tensors(a)], results: 0) }
    static func zero(_ a: [Tensor]) { _ = zeroIn([.tensors(a)], results: 0) }
    /// a ← max(a, b).
    static func raise(_ a: [Tensor], to b: [Tensor]) { _ = maximumIn([.tensors(a), .tensors(b)], results: 0) }
    /// a ← a + factor·b·c.
    static func addProduct(_ a: [Tensor], _ b: [Tensor], _ c: [Tensor], times factor: Double = 1) {
        _ = addcmulIn([.tensors(a), .tensors(b), .tensors(c), .double(factor)], results: 0)
    }
    /// a ← a + factor·b/c.
    static func addQuotient(_ a: [Tensor], _ b: [Tensor], _ c: [Tensor], times factor: Double = 1) {
        _ = addcdivIn([.tensors(a), .tensors(b), .tensors(c), .double(factor)], results: 0)
    }
    /// a ← a + weight·(b − a).
    static func move(_ a: [Tensor], towards b: [Tensor], by weight: Double) {
        _ = lerpIn([.tensors(a), .tensors(b), .double(weight)], results: 0)
    }
}
