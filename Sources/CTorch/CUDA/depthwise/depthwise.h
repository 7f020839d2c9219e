// silu(3×3 depthwise convolution) on CUDA tensors, channels-last: x [B, H, W, D] in rows with one
// stride, weight [D, 1, 3, 3].
#pragma once
#include "../../libtorch.h"

namespace ctorch::cuda {

struct DepthwiseGradients {
    at::Tensor x, weight, bias;
};

/// Whether the kernels take this tensor.
bool has_depthwise(const at::Tensor &x);
at::Tensor depthwise_silu_forward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias);
/// dy: contiguous, x's type.
DepthwiseGradients depthwise_silu_backward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &dy);

}  // namespace ctorch::cuda
