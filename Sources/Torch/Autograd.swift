import CTorch

extension Tensor {
    /// True if operations on this tensor are recorded for ``backward()``.
    package var requiresGrad: Bool { ct_requires_grad(handle) }

    /// Starts (or stops) recording operations on this leaf; returns itself.
    @discardableResult
    package func requiringGrad(_ value: Bool = true) -> Tensor {
        if !hasPendingError { check(ct_set_requires_grad(handle, value), "requires_grad") }
        return self
    }

    /// The sum of the gradients that ``backward()`` has computed for this leaf; nil before the
    /// first call.
    package var gradient: Tensor? {
        var result: ct_tensor?
        guard check(ct_gradient(handle, &result), "gradient"), let result else { return nil }
        let tensor = Tensor(owning: result)
        return tensor.isDefined ? tensor : nil
    }

    /// Drops the gradient, so that the next ``backward()`` starts from zero.
    package func clearGradient() { check(ct_clear_gradient(handle), "clear gradient") }

    /// Replaces the gradient.
    package func setGradient(_ gradient: Tensor) {
        if !hasPendingError { check(ct_set_gradient(handle, gradient.handle), "set gradient") }
    }

    /// Adds this one-element tensor's derivative to the gradients of all leaves that it depends on.
    package func backward() {
        if !hasPendingError { check(ct_backward(handle, nil), "backward") }
    }

    /// Adds to the gradients of all leaves, given the loss's derivative by each of this tensor's
    /// values.
    package func backward(_ derivative: Tensor) {
        if !hasPendingError { check(ct_backward(handle, derivative.handle), "backward") }
    }
}

/// Runs `body` without recording operations, for inference and for updates of parameters.
package func withoutGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
    let before = ct_set_grad_enabled(false)
    defer { _ = ct_set_grad_enabled(before) }
    return try body()
}
