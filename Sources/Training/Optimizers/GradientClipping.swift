import Torch

/// Scales all gradients by one factor so that their global norm (√Σg² over all parameters) is at most `maximumNorm`, as `torch.nn.utils.clip_grad_norm_`.
///
/// Nothing waits for the device. Parameters without a gradient are passed over.
/// - Returns: the norm before, a tensor of one element; 0 where there is no gradient.
@discardableResult
public func clipGradients(_ parameters: [Tensor], maximumNorm: Double) -> Tensor {
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
