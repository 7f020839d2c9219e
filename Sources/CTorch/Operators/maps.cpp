// Operators on whole maps: patches, the depthwise convolution, the final projection, residuals with
// stochastic depth.
#include "../CUDA/depthwise/depthwise.h"
#include "../CUDA/norm/norm.h"
#include "../CUDA/residual/residual.h"
#include "composite.h"
#include "kernels.h"

namespace ctorch {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct DepthwiseConvSiLU : torch::autograd::Function<DepthwiseConvSiLU> {
    static vmk_depthwise_silu arguments(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
        vmk_depthwise_silu conv{};
        conv.batch = x.size(0), conv.height = x.size(1), conv.width = x.size(2), conv.channels = x.size(3);
        conv.type = type_of(x), conv.x = x.const_data_ptr(), conv.x_stride = row_stride(x);
        conv.weight = floats(weight), conv.bias = floats(bias);
        return conv;
    }
    static at::Tensor run(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
        if (x.is_cuda()) return cuda::depthwise_silu_forward(x, weight, bias);
        at::Tensor y = empty_rows(x, x.scalar_type());
        const auto conv = arguments(x, weight, bias);
        vmk_depthwise_silu_forward(&conv, y.mutable_data_ptr());
        return y;
    }
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
        context->save_for_backward({x, weight, bias});
        return run(x, weight, bias);
    }
    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2];
        if (x.is_cuda()) {
            const auto d = cuda::depthwise_silu_backward(x, weight, bias, gradients[0].to(x.scalar_type()).contiguous());
            return {d.x, d.weight, d.bias};
        }
        const at::Tensor dy = float32(gradients[0]);
        at::Tensor dx = empty_rows(x, x.scalar_type()), dweight = at::empty_like(weight), dbias = at::empty_like(bias);
        const auto conv = arguments(x, weight, bias);
        const vmk_depthwise_silu_gradients d{dx.mutable_data_ptr(), x.size(3), mutable_floats(dweight), mutable_floats(dbias)};
        vmk_depthwise_silu_backward(&conv, floats(dy), &d);
        return {dx, dweight, dbias};
    }
};

struct Head : torch::autograd::Function<Head> {
    static vmk_head arguments(
        const at::Tensor &e, const at::Tensor &norm_weight, const at::Tensor &norm_bias, const at::Tensor &conv_weight) {
        vmk_head head{};
        head.batch = e.size(0), head.height = e.size(1), head.width = e.size(2), head.channels = e.size(3) / 16;
        head.classes = conv_weight.size(0);
        head.e_type = type_of(e), head.e = e.const_data_ptr();
        head.norm_weight = floats(norm_weight), head.norm_bias = floats(norm_bias), head.epsilon = norm_epsilon;
        head.conv_weight = floats(conv_weight);
        return head;
    }
    static at::Tensor run(
        const at::Tensor &e, const at::Tensor &norm_weight, const at::Tensor &norm_bias, const at::Tensor &conv_weight,
        const at::Tensor &conv_bias) {
        const auto B = e.size(0), H = e.size(1), W = e.size(2), classes = conv_weight.size(0);
        at::Tensor logits = at::empty({B, classes, 4 * H, 4 * W}, e.options().dtype(at::kFloat));
        auto head = arguments(e, norm_weight, norm_bias, conv_weight);
        head.conv_bias = floats(conv_bias);
        vmk_head_forward(&head, mutable_floats(logits));
        return logits;
    }
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &e, const at::Tensor &norm_weight, const at::Tensor &norm_bias,
        const at::Tensor &conv_weight, const at::Tensor &conv_bias) {
        context->save_for_backward({e, norm_weight, norm_bias, conv_weight});
        return run(e, norm_weight, norm_bias, conv_weight, conv_bias);
    }
    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &e = saved[0], &norm_weight = saved[1], &norm_bias = saved[2], &conv_weight = saved[3],
                         dlogits = float32(gradients[0]);
        at::Tensor de = empty_rows(e, e.scalar_type()), dnorm_weight = at::empty_like(norm_weight), dnorm_bias = at::empty_like(norm_bias),
                   dconv_weight = at::empty_like(conv_weight), dconv_bias = at::empty({conv_weight.size(0)}, conv_weight.options());
        const auto head = arguments(e, norm_weight, norm_bias, conv_weight);
        const vmk_head_gradients d{
            de.mutable_data_ptr(), mutable_floats(dnorm_weight), mutable_floats(dnorm_bias), mutable_floats(dconv_weight),
            mutable_floats(dconv_bias)};
        vmk_head_backward(&head, floats(dlogits), &d);
        return {de, dnorm_weight, dnorm_bias, dconv_weight, dconv_bias};
    }
};

struct AddBranch : torch::autograd::Function<AddBranch> {
    static at::Tensor run(const at::Tensor &x, const at::Tensor &branch, const std::optional<at::Tensor> &scale) {
        if (x.is_cuda()) return cuda::residual_forward(x, branch, scale.value_or(at::Tensor()));
        at::Tensor y = empty_rows(x, at::kFloat);
        vmk_residual_forward(
            x.size(0), x.numel() / x.size(0), floats(x), type_of(branch), branch.const_data_ptr(), floats(scale), mutable_floats(y));
        return y;
    }
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &x, const at::Tensor &branch, const std::optional<at::Tensor> &scale) {
        context->save_for_backward({scale.value_or(at::Tensor())});
        context->saved_data["type"] = static_cast<int64_t>(branch.scalar_type());
        return run(x, branch, scale);
    }
    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const at::Tensor scale = context->get_saved_variables()[0], dy = float32(gradients[0]);
        const auto type = static_cast<at::ScalarType>(context->saved_data["type"].toInt());
        if (!scale.defined() && type == at::kFloat) return {dy, dy, at::Tensor()};
        if (dy.is_cuda()) return {dy, cuda::residual_backward(dy, scale, type), at::Tensor()};
        at::Tensor dbranch = empty_rows(dy, type);
        vmk_residual_backward(
            dy.size(0), dy.numel() / dy.size(0), floats(dy), scale.defined() ? floats(scale) : nullptr, type_of(type),
            dbranch.mutable_data_ptr());
        return {dy, dbranch, at::Tensor()};
    }
};

}  // namespace

at::Tensor patchify(const at::Tensor &image, int64_t channels) {
    expect_map("patchify", image);
    TORCH_CHECK(
        channels >= 1 && (image.size(1) == channels || (image.size(1) == 1 && channels == 3)), "patchify: expected ", channels,
        channels == 3 ? " channels or 1" : " channels", ", got shape ", image.sizes());
    if (!has_kernels(image) || (at::GradMode::is_enabled() && image.requires_grad())) return composite::patchify(image, channels);
    TORCH_CHECK(
        image.size(2) % 32 == 0 && image.size(3) % 32 == 0, "patchify: expected a height and width in multiples of 32, got shape ",
        image.sizes());
    const at::Tensor source = float32(image);
    const auto B = image.size(0), H = image.size(2), W = image.size(3);
    at::Tensor patches = at::empty({B, H / 4, W / 4, 16 * channels}, image.options().dtype(at::kFloat));
    const vmk_patchify inputs{B, image.size(1), channels, H, W, floats(source)};
    vmk_patchify_forward(&inputs, VMK_FLOAT32, patches.mutable_data_ptr());
    return patches;
}

at::Tensor depthwise_conv_silu(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
    if (!has_kernels(x) && !cuda::has_depthwise(x)) return composite::depthwise_conv_silu(x, weight, bias);
    expect_map("depthwise_conv_silu", x);
    expect_size("depthwise_conv_silu", "a weight", weight, 9 * x.size(3));
    expect_size("depthwise_conv_silu", "a bias", bias, x.size(3));
    const at::Tensor map = as_rows(x);
    if (!at::GradMode::is_enabled()) return DepthwiseConvSiLU::run(map, weight, bias);
    return DepthwiseConvSiLU::apply(map, weight, bias);
}

at::Tensor head(
    const at::Tensor &e, const at::Tensor &norm_weight, const at::Tensor &norm_bias, const at::Tensor &conv_weight,
    const at::Tensor &conv_bias) {
    if (cuda::has_norm(e, norm_weight, e.scalar_type())) {
        const at::Tensor y = expand_norm(e, norm_weight, norm_bias, 4);
        return at::linear(y, conv_weight.flatten(1), conv_bias).permute({0, 3, 1, 2}).contiguous();
    }
    if (!has_kernels(e)) return composite::head(e, norm_weight, norm_bias, conv_weight, conv_bias);
    expect_map("head", e);
    TORCH_CHECK(e.size(3) % 16 == 0, "head: expected channels in 16 parts, got shape ", e.sizes());
    for (const auto &parameter : {norm_weight, norm_bias}) expect_size("head", "a parameter of the norm", parameter, e.size(3) / 16);
    expect_size("head", "a weight of the convolution", conv_weight, conv_weight.size(0) * e.size(3) / 16);
    expect_size("head", "a bias of the convolution", conv_bias, conv_weight.size(0));
    const at::Tensor map = e.contiguous();
    if (!at::GradMode::is_enabled()) return Head::run(map, norm_weight, norm_bias, conv_weight, conv_bias);
    return Head::apply(map, norm_weight, norm_bias, conv_weight, conv_bias);
}

at::Tensor add_branch(const at::Tensor &x, const at::Tensor &branch, const std::optional<at::Tensor> &scale) {
    if ((!has_kernels(x) || !has_kernels(branch)) && !cuda::has_residual(x, branch)) return composite::add_branch(x, branch, scale);
    TORCH_CHECK(
        x.dim() >= 1 && x.sizes() == branch.sizes(), "add_branch: expected two maps of one shape, got ", x.sizes(), " and ",
        branch.sizes());
    if (scale) expect_size("add_branch", "a scale", *scale, x.size(0));
    const at::Tensor sum = float32(x), added = branch.contiguous();
    if (!at::GradMode::is_enabled()) return AddBranch::run(sum, added, scale);
    return AddBranch::apply(sum, added, scale);
}

}  // namespace ctorch
