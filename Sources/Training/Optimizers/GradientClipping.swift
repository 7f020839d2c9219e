import Torch

/// Scales all gradients by one factor so that their global norm (√Σg² over all parameters) is at
/// most `maximumNorm`, like `torch.nn.utils.clip_grad_norm_`.
///
/// Does not wait for the device. Skips parameters without a gradient.
/// - Returns: the norm before scaling, a one-element tensor; 0 if there is no gradient.
@discardableResult
package func clipGradients(_ parameters: [Tensor], maximumNorm: Double) -> Tensor {
    withoutGradients {
        let gradients = parameters.compactMap(\.gradient)
        guard !gradients.isEmpty else { return Tensor([0 as Float], shape: []) }
        let norm = stack(.tensors(Each.norms(gradients)), .int(0)).norm()
        let factor = clampMax(.tensor(maximumNorm / (norm + 1e-6)), .double(1))
        Each.multiply(gradients, by: factor)
        return norm
    }
}

private let stack = Operator("aten::stack")
private let clampMax = Operator("aten::clamp_max")
private let reciprocal = Operator("aten::reciprocal")

private func / (a: Double, b: Tensor) -> Tensor { reciprocal(.tensor(b)) * a }
