#include "depthwise.h"

#include "../../Operators/kernels.h"
#include "../launch.h"

namespace ctorch::cuda {

namespace {

/// Common to forward and backward. `y` is the result, or its gradient.
struct Call {
    int device;
    Input input;
    DepthwisePlan plan;
    DepthwiseArguments arguments{};

    Call(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &y, bool backward)
        : device(x.device().index()), input(input_of(x.scalar_type())) {
        for (const at::Tensor *parameter : {&weight, &bias}) {
            TORCH_CHECK(
                parameter->device() == x.device() && parameter->scalar_type() == at::kFloat && parameter->is_contiguous(),
                "depthwise_conv_silu: expected contiguous float32 parameters on ", x.device(), ", got ", parameter->scalar_type(), " on ",
                parameter->device());
        }
        const int64_t B = x.size(0), H = x.size(1), W = x.size(2), D = x.size(3);
        constexpr int two = 2;
        const bool vectors = takes_vectors(x, row_stride(x), two) && takes_vectors(y, D, two);
        plan = DepthwisePlan::make(B, H, W, D, vectors ? two : 1, backward, GPU::number(device).multiprocessors);
        const auto grid = plan.grid();
        TORCH_CHECK(
            H * W < (1LL << 31) && row_stride(x) < (1 << 29) && D < (1 << 29) && grid.y <= 65535 && grid.z <= 65535,
            "depthwise_conv_silu: a map of ", x.sizes(), " is too large for one call");
        auto &a = arguments;
        a.x = x.const_data_ptr(), a.x_stride = static_cast<int>(row_stride(x)), a.weight = floats(weight), a.bias = floats(bias);
        a.height = static_cast<int>(H), a.width = static_cast<int>(W), a.channels = static_cast<int>(D);
    }

    auto launcher() const { return Kernels::of(device, depthwise_program(plan.vector, input)).launcher(); }
};

}  // namespace

bool has_depthwise(const at::Tensor &x) { return use_kernels && x.is_cuda() && x.numel() > 0 && is_input(x.scalar_type()); }

at::Tensor depthwise_silu_forward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias) {
    const c10::DeviceGuard guard(x.device());
    at::Tensor y = empty_rows(x, x.scalar_type());
    Call call(x, weight, bias, y, false);
    call.arguments.y = y.mutable_data_ptr();
    call.plan.forward(call.arguments, call.launcher());
    return y;
}

DepthwiseGradients depthwise_silu_backward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &dy) {
    const c10::DeviceGuard guard(x.device());
    Call call(x, weight, bias, dy, true);
    auto &a = call.arguments;
    at::Tensor dx = empty_rows(x, x.scalar_type());
    const at::Tensor dweight = at::empty({call.plan.parts(), weight.numel()}, weight.options()),
                     dbias = at::empty({call.plan.parts(), bias.numel()}, bias.options());
    a.dy = dy.const_data_ptr(), a.dx = dx.mutable_data_ptr(), a.dweight = mutable_floats(dweight), a.dbias = mutable_floats(dbias);
    call.plan.backward(a, call.launcher());
    // libtorch's sum has a fixed order and no atomics.
    return {dx, dweight.sum(0).view(weight.sizes()), dbias.sum(0).view(bias.sizes())};
}

}  // namespace ctorch::cuda
