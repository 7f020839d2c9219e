import TensorFiles
import VMUNet

extension Precision {
    /// The element type of tensors in this precision.
    package var elementType: ElementType { self == .bfloat16 ? .bfloat16 : .float32 }

    /// The precision of matrix products with operands of this type; float32 unless it is bfloat16.
    package init(_ type: ElementType) { self = type == .bfloat16 ? .bfloat16 : .float32 }
}
