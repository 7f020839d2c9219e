import CTorch
import TensorFiles

/// Calls a function with a leaf's index whenever the backward pass has added to the leaf's
/// gradient, while the pass still runs and on its thread.
package final class GradientNotices {
    private let leaves: [Tensor]
    private let notice: (Int) -> Void

    package init(_ leaves: [Tensor], _ notice: @escaping (Int) -> Void) {
        (self.leaves, self.notice) = (leaves, notice)
        let context = Unmanaged.passUnretained(self).toOpaque()
        for (index, leaf) in leaves.enumerated() {
            let status = ct_on_gradient(
                leaf.handle, { Unmanaged<GradientNotices>.fromOpaque($0!).takeUnretainedValue().notice(Int($1)) }, context, Int64(index))
            check(status, "noticing gradients")
        }
    }

    deinit {
        for leaf in leaves { _ = ct_on_gradient(leaf.handle, nil, nil, 0) }
    }
}

extension Tensor {
    /// Copies the values of a float32 tensor, row-major, to memory of exactly as many.
    package func copy(to values: UnsafeMutableBufferPointer<Float>) {
        if !hasPendingError { check(ct_to_bytes(handle, values.baseAddress, values.count * 4), "copying to the host") }
    }

    /// A float32 tensor with a copy of values in memory.
    package init(copying values: UnsafeBufferPointer<Float>, shape: [Int], on device: Device) {
        var handle: ct_tensor?
        let sizes = shape.map(Int64.init)
        check(
            ct_from_bytes(
                values.baseAddress, values.count * 4, sizes, Int64(shape.count), ElementType.float32.scalarType, device.name, &handle),
            "a tensor of shape \(shape)")
        self = handle.map(Tensor.init(owning:)) ?? .undefined
    }
}
