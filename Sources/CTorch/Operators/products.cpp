#include "products.h"

#include "kernels.h"


#include <string_view>

namespace ctorch {

namespace {

using Pointwise = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &, std::string_view,
                             c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
using PointwiseBinary = at::Tensor(const at::Tensor &, const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &, std::string_view);

/// An operator of libtorch's oneDNN library; none where it was built without.
template <class Signature> std::optional<c10::TypedOperatorHandle<Signature>> one_dnn(const char *name, const char *overload) {
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle || !at::globalContext().userEnabledMkldnn() || !at::hasMKLDNN()) return std::nullopt;
  return handle->typed<Signature>();
}

}  // namespace

at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &addend) {
  static const auto pointwise = one_dnn<Pointwise>("mkldnn::_linear_pointwise", "");
  static const auto binary = one_dnn<PointwiseBinary>("mkldnn::_linear_pointwise", "binary");
  const auto type = x.scalar_type();
  const at::Tensor w = weight.scalar_type() == type ? weight : weight.to(type);
  const auto b = bias && bias->scalar_type() != type ? std::optional(bias->to(type)) : bias;
  const bool fast = x.is_cpu() && x.numel() > 0 && pointwise && binary && (type == at::kFloat || type == at::kBFloat16);
  if (!fast) {
    const at::Tensor y = at::linear(x, w, b);
    return addend ? *addend + y : y;
  }
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  auto shape = x.sizes().vec();
  shape.back() = w.size(0);
  if (addend && addend->scalar_type() == type) return binary->call(rows, addend->reshape({-1, w.size(0)}), w, b, "add").view(shape);
  const at::Tensor y = pointwise->call(rows, w, b, "none", c10::List<std::optional<at::Scalar>>(), "").view(shape);
  return addend ? *addend + y : y;
}

at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x) {
  if (has_kernels(dy) && has_kernels(x)) {
    // The rows are many and the result is small: 60 to 300 GFLOP/s by oneDNN, which transposes both operands; by the kernel as fast as forward.
    const at::Tensor rows = as_rows(dy), inputs = as_rows(x);
    at::Tensor dw = at::empty({dy.size(-1), x.size(-1)}, dy.options().dtype(at::kFloat));
    vmk_gemm_tn(row_count(rows), dy.size(-1), x.size(-1), type_of(rows), rows.const_data_ptr(), row_stride(rows), type_of(inputs),
                inputs.const_data_ptr(), row_stride(inputs), 0, mutable_floats(dw));
    return dw;
  }
  const at::Tensor rows = dy.reshape({-1, dy.size(-1)}), inputs = x.reshape({-1, x.size(-1)});
  // A GPU's matrix units take 16-bit numbers and sum in float32: converting first would cost their speed and a second copy of x.
  if (rows.is_cuda() && rows.scalar_type() == inputs.scalar_type()) return at::mm(rows.t(), inputs).to(at::kFloat);
  return at::mm(rows.t().to(at::kFloat), inputs.to(at::kFloat));
}

}  // namespace ctorch
