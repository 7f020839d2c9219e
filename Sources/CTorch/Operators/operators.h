// The network's operators as register.cpp registers them; their shapes are there.
#pragma once
#include "../libtorch.h"

#include <optional>
#include <tuple>

namespace ctorch {

at::Tensor linear(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &residual,
    std::optional<at::ScalarType> type);
std::tuple<at::Tensor, at::Tensor> linear_halves(const at::Tensor &x, const at::Tensor &weight);

at::Tensor patchify(const at::Tensor &image, int64_t channels);
at::Tensor layer_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type);
at::Tensor depthwise_conv_silu(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias);
at::Tensor ss2d(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds);
at::Tensor selective_scan(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
    const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus);
at::Tensor norm_gate(const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z);
at::Tensor merge_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type);
at::Tensor expand_norm(const at::Tensor &e, const at::Tensor &weight, const at::Tensor &bias, int64_t scale);
at::Tensor head(
    const at::Tensor &e, const at::Tensor &norm_weight, const at::Tensor &norm_bias, const at::Tensor &conv_weight,
    const at::Tensor &conv_bias);
at::Tensor add_branch(const at::Tensor &x, const at::Tensor &branch, const std::optional<at::Tensor> &scale);

}  // namespace ctorch
