import CTorch

/// Calls a function with a leaf's index whenever the backward pass has added to the leaf's
/// gradient, while the pass still runs and on its thread.
package final class GradientHooks {
    private let leaves: [Tensor]
    private let hook: (Int) -> Void

    package init(_ leaves: [Tensor], _ hook: @escaping (Int) -> Void) {
        (self.leaves, self.hook) = (leaves, hook)
        let context = Unmanaged.passUnretained(self).toOpaque()
        for (index, leaf) in leaves.enumerated() {
            let status = ct_on_gradient(
                leaf.handle, { Unmanaged<GradientHooks>.fromOpaque($0!).takeUnretainedValue().hook(Int($1)) }, context, Int64(index))
            check(status, "hooking into gradients")
        }
    }

    deinit {
        for leaf in leaves { _ = ct_on_gradient(leaf.handle, nil, nil, 0) }
    }
}
