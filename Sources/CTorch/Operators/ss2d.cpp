// SS2D behind autograd: one matrix product for all four directions' x projections, then the scan's
// kernels on CPU or GPU.
#include "../CUDA/ss2d/ss2d.h"
#include "../CUDA/sum/sum.h"
#include "composite.h"
#include "kernels.h"
#include "passes.h"
#include "products.h"

namespace ctorch {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct SS2D : torch::autograd::Function<SS2D> {
    struct Weights {
        at::Tensor x_proj, dt_weight, dt_bias, A_logs, Ds;
        /// x_proj as one Linear's weight: [4(R + 2N), D].
        at::Tensor joined_x_proj() const { return x_proj.view({-1, x_proj.size(2)}); }
        Weights contiguous() const {
            return {x_proj.contiguous(), dt_weight.contiguous(), dt_bias.contiguous(), A_logs.contiguous(), Ds.contiguous()};
        }
        vmk_ss2d arguments(const at::Tensor &x, const at::Tensor &projection) const {
            vmk_ss2d ss2d{};
            ss2d.shape = {x.size(0), x.size(1), x.size(2), x.size(3), A_logs.size(1), dt_weight.size(2)};
            ss2d.x_type = type_of(x), ss2d.x = x.const_data_ptr(), ss2d.x_stride = row_stride(x), ss2d.projection = floats(projection);
            ss2d.dt_weight = floats(dt_weight), ss2d.dt_bias = floats(dt_bias), ss2d.A_logs = floats(A_logs), ss2d.Ds = floats(Ds);
            return ss2d;
        }
    };

    static at::Tensor project(const at::Tensor &x, const Weights &w, Weight use) {
        return product(x, w.joined_x_proj(), ProductOptions(use).with_type(at::kFloat));
    }

    /// y and, for backward, the states that it starts from.
    static std::pair<at::Tensor, at::Tensor> scan(const at::Tensor &x, const at::Tensor &projection, const Weights &w, bool for_backward) {
        if (x.is_cuda()) return cuda::ss2d_forward({x, projection, w.dt_weight, w.dt_bias, w.A_logs, w.Ds}, for_backward);
        const auto ss2d = w.arguments(x, projection);
        at::Tensor y = empty_rows(x, at::kFloat), borders;
        if (for_backward) borders = at::empty({vmk_ss2d_border_count(&ss2d.shape)}, projection.options());
        vmk_ss2d_forward(&ss2d, mutable_floats(y), for_backward ? mutable_floats(borders) : nullptr);
        return {y, borders};
    }

    static SS2DGradients scan_backward(
        const at::Tensor &x, const at::Tensor &projection, const Weights &w, const at::Tensor &borders, const at::Tensor &dy) {
        if (x.is_cuda()) return cuda::ss2d_backward({x, projection, w.dt_weight, w.dt_bias, w.A_logs, w.Ds}, borders, dy);
        const auto ss2d = w.arguments(x, projection);
        const SS2DGradients d{empty_rows(x, at::kFloat), at::empty_like(projection), at::empty_like(w.dt_weight),
                              at::empty_like(w.dt_bias), at::empty_like(w.A_logs),   at::empty_like(w.Ds)};
        const vmk_ss2d_gradients to{mutable_floats(d.x),       mutable_floats(d.projection), mutable_floats(d.dt_weight),
                                    mutable_floats(d.dt_bias), mutable_floats(d.A_logs),     mutable_floats(d.Ds)};
        vmk_ss2d_backward(&ss2d, floats(borders), floats(dy), &to);
        return d;
    }

    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &x, const at::Tensor &x_proj, const at::Tensor &dt_weight, const at::Tensor &dt_bias,
        const at::Tensor &A_logs, const at::Tensor &Ds) {
        const Weights w{x_proj, dt_weight, dt_bias, A_logs, Ds};
        const at::Tensor projection = project(x, w, Weight::changing);
        const auto [y, borders] = scan(x, projection, w, true);
        context->save_for_backward({x, x_proj, dt_weight, dt_bias, A_logs, Ds, projection, borders});
        return y;
    }

    /// Adds the gradients through the projection (from d, the projection's) and through the scan.
    static at::Tensor gradient_of_x(const at::Tensor &d, const Weights &w, const at::Tensor &through_scan, const at::Tensor &x) {
        const at::Tensor weight = w.joined_x_proj().t();
        ProductOptions options(Weight::changing);
        if (x.is_cuda()) return cuda::sum_of_parts(through_scan, product(d, weight, options.with_type(x.scalar_type())), x.scalar_type());
        return product(d, weight, options.with_type(at::kFloat).with_addend(through_scan)).to(x.scalar_type());
    }

    /// Of x and the weights, in their order.
    static std::array<at::Tensor, 6> gradients(
        const at::Tensor &x, const Weights &w, const at::Tensor &projection, const at::Tensor &borders, const at::Tensor &dy) {
        const auto gradients = scan_backward(x, projection, w, borders, float32(dy));
        const at::Tensor d = gradients.projection.to(x.scalar_type());
        const auto of = [](const at::Tensor &gradient, const at::Tensor &parameter) { return gradient.view(parameter.sizes()); };
        return {gradient_of_x(d, w, gradients.x, x), of(weight_gradient(d, x), w.x_proj), of(gradients.dt_weight, w.dt_weight),
                of(gradients.dt_bias, w.dt_bias),    of(gradients.A_logs, w.A_logs),      of(gradients.Ds, w.Ds)};
    }

    static variable_list backward(AutogradContext *context, variable_list of_outputs) {
        expect_first_derivatives("ss2d");
        const auto s = context->get_saved_variables();
        const auto d = gradients(s[0], {s[1], s[2], s[3], s[4], s[5]}, s[6], s[7], of_outputs[0]);
        return {d.begin(), d.end()};
    }
};

void check(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds) {
    expect_map("ss2d", x);
    TORCH_CHECK(
        dt_projs_weight.dim() == 3 && A_logs.dim() == 2, "ss2d: expected dt_projs_weight [4, D, R] and A_logs [4D, N], got ",
        dt_projs_weight.sizes(), " and ", A_logs.sizes());
    const auto D = x.size(3), N = A_logs.size(1), R = dt_projs_weight.size(2);
    TORCH_CHECK(N >= 1 && N <= 256, "ss2d: expected 1 to 256 states, got ", N);
    expect_shape("ss2d", "x_proj_weight", x_proj_weight, {4, R + 2 * N, D});
    expect_shape("ss2d", "dt_projs_weight", dt_projs_weight, {4, D, R});
    expect_shape("ss2d", "dt_projs_bias", dt_projs_bias, {4, D});
    expect_shape("ss2d", "A_logs", A_logs, {4 * D, N});
    expect_shape("ss2d", "Ds", Ds, {4 * D});
}

/// What forward left for backward, which a caller of its own kept.
void check_saved(
    const at::Tensor &x, const SS2D::Weights &w, const at::Tensor &projection, const at::Tensor &borders, const at::Tensor &dy) {
    const auto B = x.size(0), H = x.size(1), W = x.size(2), D = x.size(3), N = w.A_logs.size(1), R = w.dt_weight.size(2);
    expect_shape("ss2d_backward", "projection", projection, {B, H, W, 4 * (R + 2 * N)});
    expect_shape("ss2d_backward", "borders", borders, {ss2d_border_count(B, H, W, D, N, R)});
    expect_shape("ss2d_backward", "dy", dy, x.sizes());
}

}  // namespace

at::Tensor ss2d(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds) {
    check(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
    if (!has_kernels(x) && !cuda::has_ss2d(x)) return composite::ss2d(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
    const at::Tensor map = as_rows(x);
    if (!at::GradMode::is_enabled()) {
        const SS2D::Weights w{x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds};
        return SS2D::scan(map, SS2D::project(map, w, use_of(x_proj_weight)), w, false).first;
    }
    return SS2D::apply(map, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> ss2d_forward(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds, bool for_backward) {
    TORCH_CHECK(has_kernels(x), "ss2d: no kernel for a map of ", x.scalar_type(), " and shape ", x.sizes());
    check(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
    use_threads_of_torch();
    const SS2D::Weights w = SS2D::Weights{x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds}.contiguous();
    const at::Tensor map = as_rows(x);
    const at::Tensor projection = SS2D::project(map, w, for_backward ? Weight::changing : use_of(x_proj_weight));
    const auto [y, borders] = SS2D::scan(map, projection, w, for_backward);
    return {y, projection, borders.defined() ? borders : at::empty({0}, y.options())};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> ss2d_backward(
    const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
    const at::Tensor &A_logs, const at::Tensor &Ds, const at::Tensor &projection, const at::Tensor &borders, const at::Tensor &dy) {
    TORCH_CHECK(has_kernels(x), "ss2d_backward: no kernel for a map of ", x.scalar_type(), " and shape ", x.sizes());
    check(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
    const SS2D::Weights w = SS2D::Weights{x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds}.contiguous();
    check_saved(x, w, projection, borders, dy);
    use_threads_of_torch();
    const auto d = SS2D::gradients(as_rows(x), w, projection.contiguous(), borders.contiguous(), dy);
    return {d[0], d[1], d[2], d[3], d[4], d[5]};
}

int64_t ss2d_border_count(int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t states, int64_t rank) {
    const vmk_ss2d_shape shape{batch, height, width, channels, states, rank};
    return vmk_ss2d_border_count(&shape);
}

}  // namespace ctorch
