// The selective scan of sequences in one direction, behind autograd: kernels on the CPU, libtorch's
// own operators for other devices and types.
#include "composite.h"
#include "kernels.h"
#include "passes.h"

namespace ctorch {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

/// One call's tensors, checked, contiguous, B and C [B, G, N, L].
struct Scan {
    at::Tensor u, delta, A, B, C, D, delta_bias;  // the last two undefined if there are none
    bool softplus;

    static at::Tensor grouped(const at::Tensor &x) { return x.dim() == 3 ? x.unsqueeze(1) : x; }

    Scan(
        const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
        const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus)
        : u(u.contiguous()), delta(delta.contiguous()), A(A.contiguous()), B(grouped(B).contiguous()), C(grouped(C).contiguous()),
          softplus(softplus) {
        if (D) this->D = D->contiguous();
        if (delta_bias) this->delta_bias = delta_bias->contiguous();
        check();
    }

    void check() const {
        const char *const name = "selective_scan";
        TORCH_CHECK(
            u.dim() == 3 && delta.sizes() == u.sizes(), name, ": expected u and delta [B, D, L], got ", u.sizes(), " and ", delta.sizes());
        const auto batch = u.size(0), channels = u.size(1), length = u.size(2);
        TORCH_CHECK(A.dim() == 2 && A.size(0) == channels, name, ": expected A [", channels, ", N], got ", A.sizes());
        TORCH_CHECK(A.size(1) >= 1 && A.size(1) <= 256, name, ": expected 1 to 256 states, got ", A.size(1));
        TORCH_CHECK(
            B.dim() == 4 && C.sizes() == B.sizes() && B.size(0) == batch && B.size(2) == A.size(1) && B.size(3) == length, name,
            ": expected B and C [", batch, ", groups, ", A.size(1), ", ", length, "], got ", B.sizes(), " and ", C.sizes());
        TORCH_CHECK(
            B.size(1) >= 1 && channels % B.size(1) == 0, name, ": expected ", channels, " channels in equal groups, got ", B.size(1));
        if (D.defined()) expect_shape(name, "D", D, {channels});
        if (delta_bias.defined()) expect_shape(name, "delta_bias", delta_bias, {channels});
    }

    /// What forward left for backward, which a caller of its own kept.
    void check_saved(const at::Tensor &borders, const at::Tensor &dy) const {
        const auto count = selective_scan_border_count(u.size(0), u.size(1), u.size(2), A.size(1), B.size(1));
        expect_shape("selective_scan_backward", "borders", borders, {count});
        expect_shape("selective_scan_backward", "dy", dy, u.sizes());
    }

    vmk_selective_scan arguments() const {
        vmk_selective_scan scan{};
        scan.shape = {u.size(0), u.size(1), u.size(2), A.size(1), B.size(1)};
        scan.u = floats(u), scan.delta = floats(delta), scan.A = floats(A), scan.B = floats(B), scan.C = floats(C);
        scan.skip = D.defined() ? floats(D) : nullptr;
        scan.delta_bias = delta_bias.defined() ? floats(delta_bias) : nullptr;
        scan.softplus = softplus;
        return scan;
    }
};

std::tuple<at::Tensor, at::Tensor, at::Tensor> run(const Scan &scan, bool for_backward) {
    const auto arguments = scan.arguments();
    at::Tensor y = at::empty_like(scan.u), last = at::empty({scan.u.size(0), scan.u.size(1), scan.A.size(1)}, scan.u.options());
    at::Tensor borders = at::empty({for_backward ? vmk_selective_scan_border_count(&arguments.shape) : 0}, scan.u.options());
    vmk_selective_scan_forward(&arguments, mutable_floats(y), for_backward ? mutable_floats(borders) : nullptr, mutable_floats(last));
    return {y, borders, last};
}

/// The gradients of u, delta, A, B, C, D and delta_bias; undefined if there are none.
std::array<at::Tensor, 7> run_backward(const Scan &scan, const at::Tensor &borders, const at::Tensor &dy) {
    const auto arguments = scan.arguments();
    std::array<at::Tensor, 7> d{
        at::empty_like(scan.u), at::empty_like(scan.delta), at::empty_like(scan.A), at::empty_like(scan.B), at::empty_like(scan.C)};
    if (scan.D.defined()) d[5] = at::empty_like(scan.D);
    if (scan.delta_bias.defined()) d[6] = at::empty_like(scan.delta_bias);
    const auto or_null = [](const at::Tensor &x) { return x.defined() ? mutable_floats(x) : nullptr; };
    const vmk_selective_scan_gradients to{mutable_floats(d[0]), mutable_floats(d[1]), mutable_floats(d[2]), mutable_floats(d[3]),
                                          mutable_floats(d[4]), or_null(d[5]),        or_null(d[6])};
    vmk_selective_scan_backward(&arguments, floats(borders), floats(dy), &to);
    return d;
}

struct SelectiveScan : torch::autograd::Function<SelectiveScan> {
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B,
        const at::Tensor &C, const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus) {
        const Scan scan(u, delta, A, B, C, D, delta_bias, softplus);
        const auto [y, borders, last] = run(scan, true);
        context->save_for_backward({scan.u, scan.delta, scan.A, scan.B, scan.C, scan.D, scan.delta_bias, borders});
        context->saved_data["softplus"] = softplus;
        context->saved_data["ungrouped B"] = B.dim() == 3;
        context->saved_data["ungrouped C"] = C.dim() == 3;
        return y;
    }

    static variable_list backward(AutogradContext *context, variable_list of_outputs) {
        expect_first_derivatives("selective_scan");
        const auto s = context->get_saved_variables();
        const auto or_none = [](const at::Tensor &x) { return x.defined() ? std::optional(x) : std::nullopt; };
        const Scan scan(s[0], s[1], s[2], s[3], s[4], or_none(s[5]), or_none(s[6]), context->saved_data["softplus"].toBool());
        const auto d = run_backward(scan, s[7], float32(of_outputs[0]));
        const auto of = [&](const at::Tensor &x, const char *key) { return context->saved_data[key].toBool() ? x.squeeze(1) : x; };
        return {d[0], d[1], d[2], of(d[3], "ungrouped B"), of(d[4], "ungrouped C"), d[5], d[6], at::Tensor()};
    }
};

}  // namespace

at::Tensor selective_scan(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
    const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus) {
    if (!has_kernels(u) || u.scalar_type() != at::kFloat) {
        const Scan scan(u, delta, A, B, C, D, delta_bias, softplus);
        return composite::selective_scan(scan.u, scan.delta, scan.A, scan.B, scan.C, scan.D, scan.delta_bias, softplus);
    }
    if (!at::GradMode::is_enabled()) return std::get<0>(run(Scan(u, delta, A, B, C, D, delta_bias, softplus), false));
    return SelectiveScan::apply(u, delta, A, B, C, D, delta_bias, softplus);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> selective_scan_forward(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
    const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus, bool for_backward) {
    use_threads_of_torch();
    return run(Scan(u, delta, A, B, C, D, delta_bias, softplus), for_backward);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> selective_scan_backward(
    const at::Tensor &u, const at::Tensor &delta, const at::Tensor &A, const at::Tensor &B, const at::Tensor &C,
    const std::optional<at::Tensor> &D, const std::optional<at::Tensor> &delta_bias, bool softplus, const at::Tensor &borders,
    const at::Tensor &dy) {
    const Scan scan(u, delta, A, B, C, D, delta_bias, softplus);
    scan.check_saved(borders, dy);
    use_threads_of_torch();
    const auto d = run_backward(scan, borders.contiguous(), float32(dy));
    const auto or_empty = [&](const at::Tensor &gradient) { return gradient.defined() ? gradient : at::empty({0}, u.options()); };
    return {d[0], d[1], d[2], d[3].view(B.sizes()), d[4].view(C.sizes()), or_empty(d[5]), or_empty(d[6])};
}

int64_t selective_scan_border_count(int64_t batch, int64_t channels, int64_t length, int64_t states, int64_t groups) {
    const vmk_selective_scan_shape shape{batch, channels, length, states, groups};
    return vmk_selective_scan_border_count(&shape);
}

}  // namespace ctorch
