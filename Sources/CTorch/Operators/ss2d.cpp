// SS2D behind autograd: one matrix product for the x projections of all four directions, then the scan's kernels.
#include "composite.h"
#include "kernels.h"
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
    vmk_ss2d_shape shape(const at::Tensor &x) const {
      return {x.size(0), x.size(1), x.size(2), x.size(3), A_logs.size(1), dt_weight.size(2)};
    }
  };

  static at::Tensor project(const at::Tensor &x, const Weights &w, Weight use) {
    return product(x, w.joined_x_proj(), std::nullopt, std::nullopt, at::kFloat, use);
  }

  static at::Tensor scan(const at::Tensor &x, const at::Tensor &projection, const Weights &w, const at::Tensor &borders) {
    const auto shape = w.shape(x);
    at::Tensor y = empty_rows(x, at::kFloat);
    vmk_ss2d_forward(&shape, type_of(x), x.const_data_ptr(), row_stride(x), floats(projection), floats(w.dt_weight), floats(w.dt_bias), floats(w.A_logs),
                     floats(w.Ds), mutable_floats(y), borders.defined() ? mutable_floats(borders) : nullptr);
    return y;
  }

  static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &x_proj, const at::Tensor &dt_weight,
                            const at::Tensor &dt_bias, const at::Tensor &A_logs, const at::Tensor &Ds) {
    const Weights w{x_proj, dt_weight, dt_bias, A_logs, Ds};
    const auto shape = w.shape(x);
    const at::Tensor projection = project(x, w, Weight::changing);
    const at::Tensor borders = at::empty({vmk_ss2d_border_count(&shape)}, projection.options());
    context->save_for_backward({x, x_proj, dt_weight, dt_bias, A_logs, Ds, projection, borders});
    return scan(x, projection, w, borders);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &projection = saved[6], &borders = saved[7], dy = float32(gradients[0]);
    const Weights w{saved[1], saved[2], saved[3], saved[4], saved[5]};
    const auto shape = w.shape(x);
    at::Tensor dx = empty_rows(x, at::kFloat), dprojection = at::empty_like(projection), ddt_weight = at::empty_like(w.dt_weight),
               ddt_bias = at::empty_like(w.dt_bias), dA_logs = at::empty_like(w.A_logs), dDs = at::empty_like(w.Ds);
    vmk_ss2d_backward(&shape, type_of(x), x.const_data_ptr(), row_stride(x), floats(projection), floats(w.dt_weight), floats(w.dt_bias),
                      floats(w.A_logs), floats(w.Ds), floats(borders), floats(dy), mutable_floats(dx), mutable_floats(dprojection),
                      mutable_floats(ddt_weight), mutable_floats(ddt_bias), mutable_floats(dA_logs), mutable_floats(dDs));
    const at::Tensor d = dprojection.to(x.scalar_type());
    const at::Tensor whole = product(d, w.joined_x_proj().t(), std::nullopt, dx, at::kFloat, Weight::changing);
    return {whole.to(x.scalar_type()), weight_gradient(d, x).view(w.x_proj.sizes()), ddt_weight, ddt_bias, dA_logs, dDs};
  }
};

}  // namespace

at::Tensor ss2d(const at::Tensor &x, const at::Tensor &x_proj_weight, const at::Tensor &dt_projs_weight, const at::Tensor &dt_projs_bias,
                const at::Tensor &A_logs, const at::Tensor &Ds) {
  if (!has_kernels(x)) return composite::ss2d(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
  expect_map("ss2d", x);
  TORCH_CHECK(x_proj_weight.dim() == 3 && dt_projs_weight.dim() == 3 && A_logs.dim() == 2, "ss2d: weights of other ranks than 3, 3 and 2");
  const auto D = x.size(3), N = A_logs.size(1), R = dt_projs_weight.size(2);
  TORCH_CHECK(N >= 1 && N <= 256, "ss2d: expected 1 to 256 states, got ", N);
  expect_size("ss2d", "x_proj_weight", x_proj_weight, 4 * (R + 2 * N) * D);
  expect_size("ss2d", "dt_projs_weight", dt_projs_weight, 4 * D * R);
  expect_size("ss2d", "dt_projs_bias", dt_projs_bias, 4 * D);
  expect_size("ss2d", "A_logs", A_logs, 4 * D * N);
  expect_size("ss2d", "Ds", Ds, 4 * D);
  const at::Tensor map = as_rows(x);
  if (!at::GradMode::is_enabled()) {
    const SS2D::Weights w{x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds};
    return SS2D::scan(map, SS2D::project(map, w, use_of(x_proj_weight)), w, at::Tensor());
  }
  return SS2D::apply(map, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds);
}

}  // namespace ctorch
