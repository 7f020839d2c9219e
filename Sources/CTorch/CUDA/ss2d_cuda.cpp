#include "ss2d_cuda.h"

#include <dlfcn.h>

#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "../Operators/kernels.h"
#include "../handles.h"
#include "compiler.h"
#include "libraries.h"
#include "ss2d_plan.h"
#include "ss2d_source.h"

namespace ctorch::cuda {

namespace {

const Driver &needed_driver() {
  std::string why_not;
  const Driver *d = driver(why_not);
  TORCH_CHECK(d, why_not);
  return *d;
}

void check(CUresult status, const std::string &what) {
  TORCH_CHECK_WITH(OutOfMemoryError, status != 2, "CUDA out of memory: ", what);
  TORCH_CHECK(status == 0, what, ": ", needed_driver().describe(status));
}

/// One GPU, as the plan and the compiler want to know it.
struct GPU {
  int multiprocessors, shared_limit;
  std::string architecture;

  static const GPU &number(int index) {
    static std::mutex mutex;
    static std::map<int, GPU> known;
    std::lock_guard lock(mutex);
    auto found = known.find(index);
    if (found != known.end()) return found->second;
    const Driver &d = needed_driver();
    CUdevice device = 0;
    GPU gpu{};
    int major = 0, minor = 0;
    check(d.device_get(&device, index), "asking for GPU " + std::to_string(index));
    check(d.device_attribute(&gpu.multiprocessors, attribute_multiprocessors, device), "asking for a GPU's size");
    check(d.device_attribute(&gpu.shared_limit, attribute_shared_optin, device), "asking for a GPU's shared memory");
    check(d.device_attribute(&major, attribute_major, device), "asking for a GPU's architecture");
    check(d.device_attribute(&minor, attribute_minor, device), "asking for a GPU's architecture");
    gpu.architecture = "sm_" + std::to_string(major * 10 + minor);
    return known.emplace(index, gpu).first->second;
  }
};

/// The kernels for one number of states and one type of x, on one GPU. Loaded once, never unloaded.
struct Module {
  std::map<std::string, CUfunction> functions;

  static const Module &of(int device, const Geometry &geometry, Input input) {
    static std::mutex mutex;
    static std::map<std::tuple<int, int, int>, Module> loaded;
    std::lock_guard lock(mutex);
    auto &module = loaded[{device, geometry.states, static_cast<int>(input)}];
    if (module.functions.empty()) module.load(device, geometry, input);
    return module;
  }

  void load(int device, const Geometry &geometry, Input input) {
    const Driver &d = needed_driver();
    const GPU &gpu = GPU::number(device);
    // libtorch's runtime makes the primary context current where it has been used; a new thread may not have used it yet.
    CUcontext context = nullptr;
    if (d.context_current(&context) != 0 || !context) {
      CUdevice handle = 0;
      check(d.device_get(&handle, device), "asking for a GPU");
      check(d.primary_context(&context, handle), "starting on a GPU");
      check(d.context_set(context), "starting on a GPU");
    }
    const auto definitions = ss2d_definitions(geometry, input);
    Compiled compiled = compile(ss2d_source(), "ss2d", definitions, gpu.architecture);
    CUmodule module = nullptr;
    CUresult status = d.module_load(&module, compiled.code.data());
    if (status != 0 && compiled.cached) {
      // Whole, but not to this driver's liking.
      forget(ss2d_source(), "ss2d", definitions, gpu.architecture);
      compiled = compile(ss2d_source(), "ss2d", definitions, gpu.architecture);
      status = d.module_load(&module, compiled.code.data());
    }
    check(status, "loading SS2D's kernels for " + gpu.architecture);
    std::map<std::string, CUfunction> found;
    for (const char *name : {"ss2d_states", "ss2d_carry", "ss2d_forward", "ss2d_gradients", "ss2d_backward"})
      check(d.module_function(&found[name], module, name), std::string("finding the kernel ") + name);
    functions = std::move(found);
  }
};

CUstream current_stream(int device) {
  using Get = int32_t (*)(int32_t, void **);
  static const auto get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "aoti_torch_get_current_cuda_stream"));
  TORCH_CHECK(get, "this libtorch does not tell its CUDA stream");
  void *stream = nullptr;
  TORCH_CHECK(get(device, &stream) == 0, "libtorch has no CUDA stream for GPU ", device);
  return static_cast<CUstream>(stream);
}

Input input_of(const at::Tensor &x) {
  return x.scalar_type() == at::kFloat ? Input::float32 : x.scalar_type() == at::kBFloat16 ? Input::bfloat16 : Input::float16;
}

/// What forward and backward have in common: sizes, the plan, and how to launch.
struct Call {
  int device;
  Input input;
  Plan plan;
  SS2DArguments arguments{};
  at::Tensor dt_weight;  // [4, R, D]
  at::TensorOptions floats_here;
  int64_t B, H, W, D, N, R;

  explicit Call(const SS2DInputs &in) : device(in.x.device().index()), input(input_of(in.x)), floats_here(in.x.options().dtype(at::kFloat)) {
    B = in.x.size(0), H = in.x.size(1), W = in.x.size(2), D = in.x.size(3), N = in.A_logs.size(1), R = in.dt_weight.size(2);
    for (const at::Tensor *t : {&in.projection, &in.dt_weight, &in.dt_bias, &in.A_logs, &in.Ds}) {
      TORCH_CHECK(t->device() == in.x.device() && t->scalar_type() == at::kFloat && t->is_contiguous(),
                  "ss2d: expected contiguous float32 parameters on ", in.x.device(), ", got ", t->scalar_type(), " on ", t->device());
    }
    TORCH_CHECK(N >= 1 && N <= 256, "ss2d: expected 1 to 256 states, got ", N);
    TORCH_CHECK(H * W < (1LL << 31) && B * 4 <= 65535, "ss2d: expected fewer than 2^31 tokens and at most 16383 images, got ", H * W, " and ", B);
    const GPU &gpu = GPU::number(device);
    plan = Plan::make(B, H * W, D, static_cast<int>(N), gpu.multiprocessors);
    TORCH_CHECK(plan.chunks <= 65535, "ss2d: a map of ", H * W, " tokens is too large for one call");
    const size_t shared = std::max(plan.forward_shared(static_cast<int>(R)), plan.backward_shared(static_cast<int>(R)));
    TORCH_CHECK(shared <= static_cast<size_t>(gpu.shared_limit), "ss2d: rank ", R, " with ", N, " states needs ", shared,
                " bytes of shared memory, this GPU has ", gpu.shared_limit, "; lower the network's width or its number of states");
    dt_weight = in.dt_weight.transpose(1, 2).contiguous();
    auto &a = arguments;
    a.x_stride = row_stride(in.x);
    a.x = in.x.const_data_ptr();
    a.projection = floats(in.projection);
    a.dt_weight = floats(dt_weight);
    a.dt_bias = floats(in.dt_bias);
    a.A_logs = floats(in.A_logs);
    a.Ds = floats(in.Ds);
    a.batch = static_cast<int>(B), a.height = static_cast<int>(H), a.width = static_cast<int>(W);
    a.channels = static_cast<int>(D), a.rank = static_cast<int>(R);
  }

  at::Tensor empty(at::IntArrayRef shape, float *&pointer) const {
    at::Tensor tensor = at::empty(shape, floats_here);
    pointer = mutable_floats(tensor);
    return tensor;
  }

  /// Room for what goes from chunk to chunk; kept until the kernels are in the stream, which then orders its reuse.
  std::pair<at::Tensor, at::Tensor> room_between_chunks() {
    if (plan.chunks == 1) return {};
    return {empty({B, 4, plan.chunks, N, D}, arguments.states), empty({B, 4, plan.chunks, D}, arguments.steps)};
  }

  auto launcher() const {
    return [stream = current_stream(device), &module = Module::of(device, plan.geometry, input)](
               const char *kernel, Grid grid, int threads, size_t shared, const SS2DArguments &a) {
      const Driver &d = needed_driver();
      const CUfunction function = module.functions.at(kernel);
      // 48 KiB need no permission.
      if (shared > 48u << 10) check(d.function_attribute(function, function_shared_bytes, static_cast<int>(shared)), std::string("shared memory for ") + kernel);
      void *parameters[] = {const_cast<SS2DArguments *>(&a)};
      check(d.launch(function, grid.x, grid.y, grid.z, threads, 1, 1, static_cast<unsigned>(shared), stream, parameters, nullptr),
            std::string("launching ") + kernel);
    };
  }
};

}  // namespace

bool has_ss2d(const at::Tensor &x) {
  const auto type = x.scalar_type();
  return x.is_cuda() && x.numel() > 0 && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

std::pair<at::Tensor, at::Tensor> ss2d_forward(const SS2DInputs &in, bool for_backward) {
  const c10::DeviceGuard guard(in.x.device());
  Call call(in);
  auto &a = call.arguments;
  const auto room = call.room_between_chunks();
  at::Tensor borders;
  if (for_backward) borders = call.empty({call.B, 4, call.plan.chunks, call.plan.intervals, call.N, call.D}, a.borders);
  const at::Tensor y = call.empty({2, call.B, call.H, call.W, call.D}, a.y);
  launch_forward(call.plan, a, call.launcher());
  return {y.select(0, 0).add_(y.select(0, 1)), borders};
}

SS2DGradients ss2d_backward(const SS2DInputs &in, const at::Tensor &borders, const at::Tensor &dy) {
  const c10::DeviceGuard guard(in.x.device());
  Call call(in);
  auto &a = call.arguments;
  const auto [B, H, W, D, N, R, chunks] = std::tuple(call.B, call.H, call.W, call.D, call.N, call.R, int64_t{call.plan.chunks});
  const auto room = call.room_between_chunks();
  a.borders = mutable_floats(borders);
  a.dy = floats(dy);
  const at::Tensor dx = call.empty({2, B, H, W, D}, a.dx), dprojection = call.empty({call.plan.blocks, B, H, W, 4 * (R + 2 * N)}, a.dprojection),
                   ddt_weight = call.empty({B * chunks, 4, R, D}, a.ddt_weight), ddt_bias = call.empty({B * chunks, 4, D}, a.ddt_bias),
                   dA_logs = call.empty({B * chunks, 4, N, D}, a.dA_logs), dDs = call.empty({B * chunks, 4 * D}, a.dDs);
  launch_backward(call.plan, a, call.launcher());
  // libtorch's sum has a fixed order, without atomics.
  return {dx.select(0, 0).add_(dx.select(0, 1)),
          dprojection.size(0) == 1 ? dprojection.select(0, 0) : dprojection.sum(0),
          ddt_weight.sum(0).transpose(1, 2).contiguous(),
          ddt_bias.sum(0),
          dA_logs.sum(0).transpose(1, 2).reshape({4 * D, N}),
          dDs.sum(0)};
}

}  // namespace ctorch::cuda

extern "C" int ct_cuda_compile_check(const char *architecture, int states, int input, bool verbose, char **log, bool *from_cache, int64_t *code_bytes) {
  using namespace ctorch::cuda;
  return ctorch::guarded([&] {
    TORCH_CHECK(states >= 1 && states <= 256 && input >= 0 && input <= 2, "expected 1 to 256 states and an input of 0 to 2");
    const auto compiled = compile(ss2d_source(), "ss2d", ss2d_definitions(geometry_of(states), static_cast<Input>(input)), architecture, verbose);
    *log = strdup(compiled.log.c_str());
    *from_cache = compiled.cached;
    *code_bytes = static_cast<int64_t>(compiled.code.size());
  });
}
