#include "residual.h"

#include "../../Operators/kernels.h"
#include "../launch.h"

namespace ctorch::cuda {

namespace {

/// `map` is x or dy, `branch` the branch or its gradient.
void run(const char *kernel, ResidualArguments a, const at::Tensor &map, const at::Tensor &branch, const at::Tensor &scale) {
    const c10::DeviceGuard guard(map.device());
    TORCH_CHECK(
        branch.device() == map.device() &&
            (!scale.defined() || (scale.device() == map.device() && scale.scalar_type() == at::kFloat && scale.is_contiguous())),
        "add_branch: expected everything on ", map.device(), ", and a contiguous scale of float32");
    a.count = map.numel(), a.image = map.numel() / map.size(0);
    a.scale = scale.defined() ? floats(scale) : nullptr;
    constexpr int four = 4;
    const ArrayPlan plan{takes_vectors(map, a.image, four) && takes_vectors(branch, a.image, four) ? four : 1};
    TORCH_CHECK(plan.fits(a.count), "add_branch: a map of ", map.sizes(), " is too large for one call");
    plan.launch(kernel, a, Kernels::of(map.device().index(), residual_program(plan.vector, input_of(branch.scalar_type()))).launcher());
}

}  // namespace

bool has_residual(const at::Tensor &x, const at::Tensor &branch) {
    return use_kernels && x.is_cuda() && x.dim() >= 1 && x.numel() > 0 && is_input(x.scalar_type()) && is_input(branch.scalar_type());
}

at::Tensor residual_forward(const at::Tensor &x, const at::Tensor &branch, const at::Tensor &scale) {
    const at::Tensor y = empty_rows(x, at::kFloat);
    ResidualArguments a{};
    a.x = floats(x), a.branch = branch.const_data_ptr(), a.y = mutable_floats(y);
    run("residual_forward", a, x, branch, scale);
    return y;
}

at::Tensor residual_backward(const at::Tensor &dy, const at::Tensor &scale, at::ScalarType type) {
    const at::Tensor dbranch = empty_rows(dy, type);
    ResidualArguments a{};
    a.dy = floats(dy), a.dbranch = dbranch.mutable_data_ptr();
    run("residual_backward", a, dy, dbranch, scale);
    return dbranch;
}

}  // namespace ctorch::cuda
