// Linear layers: the forward product and two backward ones, each a single matrix product.
#include "operators.h"
#include "products.h"

namespace ctorch {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Linear : torch::autograd::Function<Linear> {
    static ProductOptions options(
        const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &residual, at::ScalarType type, Weight use) {
        return ProductOptions(use).with_type(type).with_bias(bias).with_addend(residual);
    }

    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
        const std::optional<at::Tensor> &residual, int64_t type) {
        context->save_for_backward({x, weight});
        context->saved_data["bias"] = bias.has_value();
        context->saved_data["residual"] = residual.has_value();
        return product(x, weight, options(bias, residual, static_cast<at::ScalarType>(type), Weight::changing));
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &weight = saved[1], &dy = gradients[0];
        const at::Tensor d = dy.to(x.scalar_type()).contiguous();
        variable_list result(5);
        if (context->needs_input_grad(0)) result[0] = product(d, weight.t(), ProductOptions(Weight::changing));
        if (context->needs_input_grad(1)) result[1] = weight_gradient(d, x);
        if (context->saved_data["bias"].toBool()) result[2] = dy.reshape({-1, dy.size(-1)}).sum(0, false, at::kFloat);
        if (context->saved_data["residual"].toBool()) result[3] = dy;
        return result;
    }
};

/// One product whose halves leave as two tensors, each with its own gradient: the whole gradient is
/// never put together.
struct LinearHalves : torch::autograd::Function<LinearHalves> {
    static variable_list forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight) {
        context->save_for_backward({x, weight});
        const auto [first, second] = halves(product(x, weight, ProductOptions(Weight::changing)));
        return {first, second};
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &weight = saved[1];
        const auto D = weight.size(0) / 2;
        at::Tensor dx, dweight = at::zeros_like(weight);
        for (int64_t half = 0; half < 2; half++) {
            if (!gradients[half].defined()) continue;
            const at::Tensor d = gradients[half].to(x.scalar_type()).contiguous(), w = weight.narrow(0, half * D, D);
            const auto before = dx.defined() ? std::optional(dx) : std::nullopt;
            dx = product(d, w.t(), ProductOptions(Weight::changing).with_type(at::kFloat).with_addend(before));
            dweight.narrow(0, half * D, D).copy_(weight_gradient(d, x));
        }
        return {dx.to(x.scalar_type()), dweight};
    }

    /// [.., 2D] → two tensors [.., D] that share its memory without being autograd's views.
    static std::pair<at::Tensor, at::Tensor> halves(const at::Tensor &y) {
        auto shape = y.sizes().vec();
        shape.back() /= 2;
        const auto part = [&](int64_t offset) {
            return at::empty({0}, y.options()).set_(y.storage(), y.storage_offset() + offset, shape, y.strides());
        };
        return {part(0), part(shape.back())};
    }
};

}  // namespace

at::Tensor linear(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &residual,
    std::optional<at::ScalarType> type) {
    const auto result_type = type.value_or(residual ? at::kFloat : x.scalar_type());
    if (!at::GradMode::is_enabled()) return product(x, weight, Linear::options(bias, residual, result_type, use_of(weight)));
    return Linear::apply(x, weight, bias, residual, static_cast<int64_t>(result_type));
}

std::tuple<at::Tensor, at::Tensor> linear_halves(const at::Tensor &x, const at::Tensor &weight) {
    if (!at::GradMode::is_enabled()) {
        const auto [first, second] = LinearHalves::halves(product(x, weight, ProductOptions(use_of(weight))));
        return {first, second};
    }
    const auto result = LinearHalves::apply(x, weight);
    return {result[0], result[1]};
}

}  // namespace ctorch
