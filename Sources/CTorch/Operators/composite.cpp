#include "composite.h"

namespace ctorch::composite {

namespace {
constexpr double eps = 1e-5;  // of every LayerNorm

at::Tensor normalized(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
    return at::layer_norm(x.to(at::kFloat), {x.size(-1)}, weight, bias, eps);
}

/// [B, H, W, s·s·c] → [B, H·s, W·s, c], channels ordered (p1 p2 c).
at::Tensor to_space(const at::Tensor &x, int64_t s) {
    const auto B = x.size(0), H = x.size(1), W = x.size(2), c = x.size(3) / (s * s);
    return x.reshape({B, H, W, s, s, c}).permute({0, 1, 3, 2, 4, 5}).reshape({B, H * s, W * s, c});
}
}  // namespace

at::Tensor patchify(const at::Tensor &image, int64_t channels) {
    const auto B = image.size(0), H = image.size(2), W = image.size(3), C = channels;
    const at::Tensor map = image.size(1) == 1 ? image.expand({B, C, H, W}) : image;
    return map.reshape({B, C, H / 4, 4, W / 4, 4}).permute({0, 2, 4, 1, 3, 5}).reshape({B, H / 4, W / 4, 16 * C}).to(at::kFloat);
}

at::Tensor linear(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &residual) {
    at::Tensor y = at::linear(x, weight.to(x.scalar_type()), bias ? std::optional(bias->to(x.scalar_type())) : std::nullopt);
    return residual ? *residual + y : y;
}

std::tuple<at::Tensor, at::Tensor> linear_halves(const at::Tensor &x, const at::Tensor &weight) {
    const auto halves = at::linear(x, weight.to(x.scalar_type())).chunk(2, -1);
    return {halves[0], halves[1]};
}

at::Tensor layer_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType dtype) {
    return normalized(x, weight, bias).to(dtype);
}

at::Tensor depthwise_conv_silu(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
    const at::Tensor y = at::conv2d(x.permute({0, 3, 1, 2}), weight.to(x.scalar_type()), bias.to(x.scalar_type()), 1, 1, 1, x.size(3));
    return at::silu(y).permute({0, 2, 3, 1}).contiguous();
}

at::Tensor ss2d(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds) {
    const auto B = x.size(0), H = x.size(1), W = x.size(2), D = x.size(3), L = H * W;
    const auto R = dt_projs_weight.size(2), N = A_logs.size(1);
    const at::Tensor map = x.to(at::kFloat);
    const at::Tensor rows = map.reshape({B, L, D}), columns = map.transpose(1, 2).reshape({B, L, D});
    const at::Tensor xs = at::stack({rows, columns, rows.flip(1), columns.flip(1)}, 1);  // [B, 4, L, D]
    const at::Tensor projected = at::einsum("bkld,krd->bklr", {xs, x_proj_weight});      // [B, 4, L, R + 2N]
    const at::Tensor delta =
        at::softplus(at::einsum("bklr,kdr->bkld", {projected.narrow(3, 0, R), dt_projs_weight}) + dt_projs_bias.view({1, 4, 1, D}));
    const at::Tensor Bs = projected.narrow(3, R, N), Cs = projected.narrow(3, R + N, N);
    const at::Tensor A = -at::exp(A_logs).view({4, D, N});
    at::Tensor h = at::zeros({B, 4, D, N}, map.options());
    std::vector<at::Tensor> ys;
    for (int64_t l = 0; l < L; l++) {
        const at::Tensor dt = delta.select(2, l).unsqueeze(-1);
        h = at::exp(dt * A) * h + dt * xs.select(2, l).unsqueeze(-1) * Bs.select(2, l).unsqueeze(2);
        ys.push_back((h * Cs.select(2, l).unsqueeze(2)).sum(-1));
    }
    const at::Tensor y = at::stack(ys, 2) + xs * Ds.view({1, 4, 1, D});  // [B, 4, L, D]
    const at::Tensor back = y.narrow(1, 2, 2).flip(2);
    const at::Tensor by_columns = (y.select(1, 1) + back.select(1, 1)).view({B, W, H, D}).transpose(1, 2);
    return (y.select(1, 0) + back.select(1, 0)).view({B, H, W, D}) + by_columns;
}

at::Tensor selective_scan(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C, const at::Tensor &D,
    const at::Tensor &delta_bias, bool softplus) {
    const auto channels = u.size(1), length = u.size(2);
    at::Tensor step = delta_bias.defined() ? delta + delta_bias.unsqueeze(-1) : delta;
    if (softplus) step = at::softplus(step);
    const at::Tensor input = step * u;
    const at::Tensor Bs = B.repeat_interleave(channels / B.size(1), 1), Cs = C.repeat_interleave(channels / C.size(1), 1);  // [B, D, N, L]
    at::Tensor h = at::zeros({u.size(0), channels, A.size(1)}, u.options());
    std::vector<at::Tensor> ys;
    for (int64_t l = 0; l < length; l++) {
        h = at::exp(step.select(2, l).unsqueeze(-1) * A) * h + input.select(2, l).unsqueeze(-1) * Bs.select(3, l);
        ys.push_back((h * Cs.select(3, l)).sum(-1));
    }
    const at::Tensor y = length > 0 ? at::stack(ys, 2) : at::zeros_like(u);
    return D.defined() ? y + u * D.unsqueeze(-1) : y;
}

at::Tensor norm_gate(const at::Tensor &y, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &z) {
    return (normalized(y, weight, bias) * at::silu(z.to(at::kFloat))).to(z.scalar_type());
}

at::Tensor merge_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType dtype) {
    const auto every_other = [&](int64_t row, int64_t column) {
        return x.slice(1, row, std::nullopt, 2).slice(2, column, std::nullopt, 2);
    };
    const at::Tensor joined = at::cat({every_other(0, 0), every_other(1, 0), every_other(0, 1), every_other(1, 1)}, -1);
    return normalized(joined, weight, bias).to(dtype);
}

at::Tensor expand_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, int64_t scale) {
    return normalized(to_space(x, scale), weight, bias);
}

at::Tensor head(
    const at::Tensor &x, const at::Tensor &norm_weight, const at::Tensor &norm_bias, const at::Tensor &conv_weight,
    const at::Tensor &conv_bias) {
    const at::Tensor y = normalized(to_space(x, 4), norm_weight, norm_bias);
    return at::linear(y, conv_weight.flatten(1), conv_bias).permute({0, 3, 1, 2}).contiguous();
}

at::Tensor add_branch(const at::Tensor &x, const at::Tensor &branch, const std::optional<at::Tensor> &scale) {
    return scale ? x + scale->view({-1, 1, 1, 1}) * branch : x + branch;
}

}  // namespace ctorch::composite
