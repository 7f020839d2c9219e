// The network's operators composed of libtorch's own: for every device, differentiable, and the
// reference for the kernels. register.cpp has the shapes.
#pragma once
#include "../libtorch.h"

#include <optional>
#include <tuple>

namespace ctorch::composite {

at::Tensor patchify(const at::Tensor &image, int64_t channels);
at::Tensor linear(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &residual);
std::tuple<at::Tensor, at::Tensor> linear_halves(const at::Tensor &x, const at::Tensor &weight);
at::Tensor layer_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType dtype);
at::Tensor depthwise_conv_silu(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias);
at::Tensor ss2d(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds);
/// u and delta [B, D, L], A [D, N], B and C [B, G, N, L]; D and delta_bias [D] or undefined.
at::Tensor selective_scan(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C, const at::Tensor &D,
    const at::Tensor &delta_bias, bool softplus);
at::Tensor norm_gate(const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z);
at::Tensor merge_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType dtype);
at::Tensor expand_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, int64_t scale);
at::Tensor head(
    const at::Tensor &x, const at::Tensor &norm_weight, const at::Tensor &norm_bias, const at::Tensor &conv_weight,
    const at::Tensor &conv_bias);
at::Tensor add_branch(const at::Tensor &x, const at::Tensor &branch, const std::optional<at::Tensor> &scale);

}  // namespace ctorch::composite
