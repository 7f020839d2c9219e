// The scans' forward and backward passes as operators of their own, as register.cpp registers them,
// for callers that keep the graph themselves: PyTorch in Python, which must know each pass to
// compile it. On a CPU alone.
#pragma once
#include "../libtorch.h"

#include "CKernels.h"

#include <optional>
#include <tuple>

namespace ctorch {

/// The kernels take as many threads as torch.set_num_threads() says; one, in DataLoader's workers.
inline void use_threads_of_torch() { vmk_set_threads(at::get_num_threads()); }

/// y, and for backward the projection of x and the states that it starts from.
std::tuple<at::Tensor, at::Tensor, at::Tensor> ss2d_forward(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds, bool for_backward);
/// Of x and the weights, in their order.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> ss2d_backward(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds, const at::Tensor &projection, const at::Tensor &borders, const at::Tensor &dy);
int64_t ss2d_border_count(int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t states, int64_t rank);

/// y, the states that backward starts from, and the states after the last token [B, D, N].
std::tuple<at::Tensor, at::Tensor, at::Tensor> selective_scan_forward(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
    const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus, bool for_backward);
/// Of u, delta, A, B, C, D and delta_bias; of no values where there is no D or no delta_bias.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> selective_scan_backward(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
    const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus, const at::Tensor &borders,
    const at::Tensor &dy);
int64_t selective_scan_border_count(int64_t batch, int64_t channels, int64_t length, int64_t states, int64_t groups);

}  // namespace ctorch
