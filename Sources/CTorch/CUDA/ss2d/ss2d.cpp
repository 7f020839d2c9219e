#include "ss2d.h"

#include <tuple>

#include "../../Operators/kernels.h"
#include "../launch.h"
#include "../sum/sum.h"

namespace ctorch::cuda {

namespace {

/// Common to forward and backward: sizes, the plan, the launches.
struct Call {
    int device;
    Input input;
    Plan plan;
    // Numbers of a row to read at once.
    int vector;
    SS2DArguments arguments{};
    at::TensorOptions floats_here;
    int64_t B, H, W, D, N, R;

    Call(const SS2DInputs &in, bool backward)
        : device(in.x.device().index()), input(input_of(in.x.scalar_type())), floats_here(in.x.options().dtype(at::kFloat)) {
        B = in.x.size(0), H = in.x.size(1), W = in.x.size(2), D = in.x.size(3), N = in.A_logs.size(1), R = in.dt_weight.size(2);
        for (const at::Tensor *t : {&in.projection, &in.dt_weight, &in.dt_bias, &in.A_logs, &in.Ds}) {
            TORCH_CHECK(
                t->device() == in.x.device() && t->scalar_type() == at::kFloat && t->is_contiguous(),
                "ss2d: expected contiguous float32 parameters on ", in.x.device(), ", got ", t->scalar_type(), " on ", t->device());
        }
        TORCH_CHECK(N >= 1 && N <= 256, "ss2d: expected 1 to 256 states, got ", N);
        TORCH_CHECK(
            B * H * W < (1LL << 31) && B * 4 <= 65535, "ss2d: expected fewer than 2^31 tokens and at most 16383 images, got ", B * H * W,
            " and ", B);
        const GPU &gpu = GPU::number(device);
        plan = Plan::make(B, H * W, D, static_cast<int>(N), gpu.multiprocessors);
        TORCH_CHECK(plan.chunks <= 65535, "ss2d: a map of ", H * W, " tokens is too large for one call");
        const int rank = static_cast<int>(R);
        const size_t shared = std::max(plan.scan_shared(rank), backward ? plan.backward_shared(rank) : plan.forward_shared(rank));
        TORCH_CHECK(
            shared <= static_cast<size_t>(gpu.shared_limit), "ss2d: rank ", R, " with ", N, " states needs ", shared,
            " bytes of shared memory, this GPU has ", gpu.shared_limit, "; lower the network's width or its number of states");
        vector = row_vector(plan.geometry, rank);
        if (!takes_vectors(in.projection, vector, vector)) vector = 1;
        auto &a = arguments;
        TORCH_CHECK(row_stride(in.x) < (1LL << 29), "ss2d: expected rows of x closer together, got a stride of ", row_stride(in.x));
        a.x_stride = static_cast<int>(row_stride(in.x));
        a.x = in.x.const_data_ptr();
        a.projection = floats(in.projection);
        a.dt_weight = floats(in.dt_weight);
        a.dt_bias = floats(in.dt_bias);
        a.A_logs = floats(in.A_logs);
        a.Ds = floats(in.Ds);
        a.batch = static_cast<int>(B), a.height = static_cast<int>(H), a.width = static_cast<int>(W);
        a.channels = static_cast<int>(D), a.rank = rank;
    }

    at::Tensor empty(at::IntArrayRef shape, float *&pointer) const {
        at::Tensor tensor = at::empty(shape, floats_here);
        pointer = mutable_floats(tensor);
        return tensor;
    }

    /// Buffers passed between chunks; hold them until the kernels are queued, then the stream
    /// orders their reuse.
    std::pair<at::Tensor, at::Tensor> room_between_chunks() {
        if (plan.chunks == 1) return {};
        return {empty({B, 4, plan.chunks, N, D}, arguments.states), empty({B, 4, plan.chunks, D}, arguments.steps)};
    }

    auto launcher() const { return Kernels::of(device, ss2d_program(plan.geometry, vector, input)).launcher(); }
};

}  // namespace

bool has_ss2d(const at::Tensor &x) { return use_kernels && x.is_cuda() && x.numel() > 0 && is_input(x.scalar_type()); }

std::pair<at::Tensor, at::Tensor> ss2d_forward(const SS2DInputs &in, bool for_backward) {
    const c10::DeviceGuard guard(in.x.device());
    Call call(in, false);
    auto &a = call.arguments;
    const auto room = call.room_between_chunks();
    at::Tensor borders;
    if (for_backward) borders = call.empty({call.B, 4, call.plan.chunks, call.plan.loads, call.N, call.D}, a.borders);
    const at::Tensor y = call.empty({2, call.B, call.H, call.W, call.D}, a.y);
    launch_forward(call.plan, a, call.launcher());
    // Not added in place: y outlives this call until its backward, and would keep twice its memory.
    return {sum_of_parts(y, {}, at::kFloat), borders};
}

SS2DGradients ss2d_backward(const SS2DInputs &in, const at::Tensor &borders, const at::Tensor &dy) {
    const c10::DeviceGuard guard(in.x.device());
    Call call(in, true);
    auto &a = call.arguments;
    const auto [B, H, W, D, N, R, chunks] = std::tuple(call.B, call.H, call.W, call.D, call.N, call.R, int64_t{call.plan.chunks});
    const auto room = call.room_between_chunks();
    a.borders = mutable_floats(borders);
    a.dy = floats(dy);
    const at::Tensor dx = call.empty({2, B, H, W, D}, a.dx),
                     dprojection = call.empty({call.plan.blocks, B, H, W, 4 * (R + 2 * N)}, a.dprojection),
                     ddt_weight = call.empty({B * chunks, 4, D, R}, a.ddt_weight), ddt_bias = call.empty({B * chunks, 4, D}, a.ddt_bias),
                     dA_logs = call.empty({B * chunks, 4 * D, N}, a.dA_logs), dDs = call.empty({B * chunks, 4 * D}, a.dDs);
    launch_backward(call.plan, a, call.launcher());
    // libtorch's sums, like this package's, have a fixed order and no atomics.
    return {dx, sum_of_parts(dprojection, {}, in.x.scalar_type()), ddt_weight.sum(0), ddt_bias.sum(0), dA_logs.sum(0), dDs.sum(0)};
}

}  // namespace ctorch::cuda
