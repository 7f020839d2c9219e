// SS2D on CUDA tensors. Shapes are those of register.cpp's schema; `projection` [B, H, W, 4 (R + 2 N)] is float32.
#pragma once
#include "../libtorch.h"

namespace ctorch::cuda {

/// Whether the kernels take this tensor; float64 goes the composite way.
bool has_ss2d(const at::Tensor &x);

struct SS2DInputs {
    const at::Tensor &x, &projection, &dt_weight, &dt_bias, &A_logs, &Ds;
};
struct SS2DGradients {
    at::Tensor x, projection, dt_weight, dt_bias, A_logs, Ds;
};

/// y, and the states that backward starts from; those only if `for_backward`.
std::pair<at::Tensor, at::Tensor> ss2d_forward(const SS2DInputs &in, bool for_backward);
/// All gradients. That of the projection is of x's type; that of x, the part through the scan, comes as [2, B, H, W, D] parts (rows, columns), to be summed
/// where the other part is known. The rest is float32.
SS2DGradients ss2d_backward(const SS2DInputs &in, const at::Tensor &borders, const at::Tensor &dy);

}  // namespace ctorch::cuda
