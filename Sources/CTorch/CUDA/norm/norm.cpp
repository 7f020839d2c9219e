#include "norm.h"

#include "../../Operators/kernels.h"
#include "../launch.h"

namespace ctorch::cuda {

namespace {

/// Common to forward and backward. `y` is the result, or its gradient.
struct Call {
    int device;
    Input input;
    NormPlan plan;
    NormArguments arguments{};

    Call(const Norm &n, const at::Tensor &y) : device(n.x.device().index()) {
        const bool merged = n.kind == NormKind::merged, expanded = n.kind == NormKind::expanded, gated = n.kind == NormKind::gated;
        for (const at::Tensor *parameter : {&n.weight, &n.bias}) {
            TORCH_CHECK(
                !parameter->defined() ||
                    (parameter->device() == n.x.device() && parameter->scalar_type() == at::kFloat && parameter->is_contiguous()),
                "norm: expected contiguous float32 parameters on ", n.x.device(), ", got ", parameter->scalar_type(), " on ",
                parameter->device());
        }
        TORCH_CHECK(
            !gated || n.gate.device() == n.x.device(), "norm_gate: expected y and z on one device, got ", n.x.device(), " and ",
            n.gate.device());
        input = input_of(expanded ? n.x.scalar_type() : gated ? n.gate.scalar_type() : y.scalar_type());
        const int64_t width = n.weight.numel(), rows = n.x.numel() / width, segment = merged ? n.x.size(3) : width;
        const int64_t stride = merged || expanded ? segment : row_stride(n.x);
        TORCH_CHECK(rows < (1LL << 30), "norm: expected fewer than 2^30 rows, got ", rows);
        constexpr int four = 4;
        const bool vectors = segment % four == 0 && takes_vectors(n.x, stride, four) && takes_vectors(y, width, four) &&
            takes_vectors(n.weight, width, four) && (!n.bias.defined() || takes_vectors(n.bias, width, four)) &&
            (!gated || takes_vectors(n.gate, row_stride(n.gate), four));
        plan = NormPlan::make(rows, width, vectors ? four : 1, GPU::number(device).multiprocessors);
        auto &a = arguments;
        a.x = n.x.const_data_ptr();
        a.x_stride = stride;
        a.weight = floats(n.weight);
        a.bias = n.bias.defined() ? floats(n.bias) : nullptr;
        if (gated) a.z = n.gate.const_data_ptr(), a.z_stride = row_stride(n.gate);
        if (n.mean.defined()) a.mean = mutable_floats(n.mean), a.rstd = mutable_floats(n.rstd);
        a.rows = static_cast<int>(rows), a.width = static_cast<int>(width), a.scale = static_cast<int>(n.scale), a.epsilon = norm_epsilon;
        if (merged || expanded) a.columns = static_cast<int>(n.x.size(2));
    }

    auto launcher() const { return Kernels::of(device, norm_program(plan.geometry, input)).launcher(); }
};

constexpr const char *forward_kernels[] = {"layer_norm_forward", "norm_gate_forward", "merge_norm_forward", "expand_norm_forward"};
constexpr const char *backward_kernels[] = {"layer_norm_backward", "norm_gate_backward", "merge_norm_backward", "expand_norm_backward"};

}  // namespace

bool has_norm(const at::Tensor &x, const at::Tensor &weight, at::ScalarType type) {
    // Check the worst case, one number per load: whether vectors work depends on addresses.
    return use_kernels && x.is_cuda() && x.numel() > 0 && is_input(x.scalar_type()) && is_input(type) && weight.numel() > 0 &&
        NormGeometry::make(weight.numel(), 1).lanes > 0;
}

void norm_forward(const Norm &norm, const at::Tensor &y) {
    const c10::DeviceGuard guard(norm.x.device());
    Call call(norm, y);
    call.arguments.y = y.mutable_data_ptr();
    call.plan.forward(forward_kernels[static_cast<int>(norm.kind)], call.arguments, call.launcher());
}

NormGradients norm_backward(const Norm &norm, const at::Tensor &dy) {
    const c10::DeviceGuard guard(norm.x.device());
    Call call(norm, dy);
    auto &a = call.arguments;
    NormGradients d;
    d.x = empty_rows(norm.x, norm.x.scalar_type());
    if (norm.gate.defined()) d.gate = empty_rows(norm.gate, norm.gate.scalar_type()), a.dz = d.gate.mutable_data_ptr();
    const at::Tensor parts = at::empty({call.plan.backward_blocks, 2, norm.weight.numel()}, norm.weight.options());
    a.dy = dy.const_data_ptr(), a.dx = d.x.mutable_data_ptr(), a.parts = mutable_floats(parts);
    call.plan.backward(backward_kernels[static_cast<int>(norm.kind)], a, call.launcher());
    // libtorch's sum has a fixed order and no atomics.
    const at::Tensor sums = parts.sum(0);
    d.weight = sums.select(0, 0), d.bias = sums.select(0, 1);
    return d;
}

}  // namespace ctorch::cuda
