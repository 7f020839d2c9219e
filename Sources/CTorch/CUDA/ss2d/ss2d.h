// SS2D on CUDA tensors.
#pragma once
#include "../../Operators/ss2d.h"

namespace ctorch::cuda {

/// Whether the kernels take this tensor.
bool has_ss2d(const at::Tensor &x);

/// y and, for backward, the states that it starts from.
std::pair<at::Tensor, at::Tensor> ss2d_forward(const SS2DInputs &in, bool for_backward);
/// x's gradient comes in two parts, [2, B, H, W, D] (rows, columns): the caller sums them with the
/// part through the projection. projection's has x's type, the rest is float32.
SS2DGradients ss2d_backward(const SS2DInputs &in, const at::Tensor &borders, const at::Tensor &dy);

}  // namespace ctorch::cuda
