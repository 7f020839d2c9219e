#include "ss2d_source.h"

namespace ctorch::cuda {

namespace {

// What the emulation of the tests writes in another way. ex2.approx is one instruction; exp2f adds two for subnormal results, which the scan forgets.
const char *const prelude = R"CUDA(
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define KERNEL_RESIDENT(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
__device__ __forceinline__ float exp2_fast(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
__device__ __forceinline__ float half_to_float(unsigned short x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y; }
)CUDA";

const char *const arguments =
#define SHARED_TEXT(...) #__VA_ARGS__
#include "ss2d_arguments.inc"
#undef SHARED_TEXT
    ;

const char *const kernels =
#include "ss2d_kernels.inc"
    ;

}  // namespace

const std::string &ss2d_source() {
  static const std::string source = std::string(prelude) + arguments + "\n" + kernels;
  return source;
}

std::vector<std::string> ss2d_definitions(const Geometry &g, Input input) {
  return {"-DSTATES=" + std::to_string(g.states), "-DPER_THREAD=" + std::to_string(g.per_thread), "-DTILE=" + std::to_string(g.tile),
          "-DKEPT=" + std::to_string(g.kept), "-DINPUT=" + std::to_string(static_cast<int>(input))};
}

}  // namespace ctorch::cuda
