// x + scale[b]·branch on CUDA tensors: x [B, ..] float32, branch of the same shape, scale [B]
// float32, or undefined for 1; all contiguous.
#pragma once
#include "../../libtorch.h"

namespace ctorch::cuda {

/// Whether the kernels take these tensors.
bool has_residual(const at::Tensor &x, const at::Tensor &branch);
at::Tensor residual_forward(const at::Tensor &x, const at::Tensor &branch, const at::Tensor &scale);
/// The branch's gradient, of `type`.
at::Tensor residual_backward(const at::Tensor &dy, const at::Tensor &scale, at::ScalarType type);

}  // namespace ctorch::cuda
