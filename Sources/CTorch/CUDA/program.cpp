#include "program.h"

namespace ctorch::cuda {

namespace {

// The tests' emulation defines these differently. ex2.approx is one instruction; exp2f adds two for
// subnormal results, which the scan does not need.
const char *const prelude = R"CUDA(
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define KERNEL_RESIDENT(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
__device__ __forceinline__ float exp2_fast(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
__device__ __forceinline__ float half_to_float(unsigned short x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y; }
__device__ __forceinline__ unsigned short float_to_half(float x) { unsigned short y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y; }
__device__ __forceinline__ unsigned short float_to_bfloat16(float x) {
#if __CUDA_ARCH__ >= 800
  unsigned short y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return y;
#else
  const unsigned bits = __float_as_uint(x);
  return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
#endif
}
// Element `index` of `base` in global memory, where elements are `bytes` apart: one instruction.
// The compiler would make five to share sums.
template <class T> __device__ __forceinline__ T *at(T *base, int index, int bytes) {
  T *address;
  asm("mad.wide.s32 %0, %1, %2, %3;" : "=l"(address) : "r"(index), "r"(bytes), "l"(base));
  __builtin_assume(__isGlobal(address));
  return address;
}
)CUDA";

const char *const elements =
#include "elements.inc"
    ;

#define SHARED_TEXT(...) #__VA_ARGS__
const char *const ss2d_arguments =
#include "ss2d/arguments.inc"
    ;
const char *const norm_arguments =
#include "norm/arguments.inc"
    ;
const char *const depthwise_arguments =
#include "depthwise/arguments.inc"
    ;
const char *const residual_arguments =
#include "residual/arguments.inc"
    ;
const char *const sum_arguments =
#include "sum/arguments.inc"
    ;
#undef SHARED_TEXT

const char *const ss2d_tile =
#include "ss2d/tile.inc"
    ;
const char *const ss2d_forward =
#include "ss2d/forward.inc"
    ;
const char *const ss2d_backward =
#include "ss2d/backward.inc"
    ;
const char *const norm_kernels =
#include "norm/kernels.inc"
    ;
const char *const depthwise_kernels =
#include "depthwise/kernels.inc"
    ;
const char *const residual_kernels =
#include "residual/kernels.inc"
    ;
const char *const sum_kernels =
#include "sum/kernels.inc"
    ;

std::string definition(const char *name, int value) { return std::string("-D") + name + "=" + std::to_string(value); }

}  // namespace

Program ss2d_program(const Geometry &g, int vector, Input input) {
    static const std::string source = std::string(prelude) + ss2d_arguments + "\n" + ss2d_tile + ss2d_forward + ss2d_backward;
    return {
        "ss2d",
        &source,
        {definition("STATES", g.states), definition("PER_THREAD", g.per_thread), definition("LOADED", g.loaded), definition("TILE", g.tile),
         definition("ROW_VECTOR", vector), definition("INPUT", static_cast<int>(input))},
        {"ss2d_states", "ss2d_carry", "ss2d_forward", "ss2d_gradients", "ss2d_backward"},
        true};
}

Program norm_program(const NormGeometry &g, Input input) {
    static const std::string source = std::string(prelude) + norm_arguments + "\n" + elements + norm_kernels;
    return {
        "norm",
        &source,
        {definition("LANES", g.lanes), definition("GROUPS", g.groups), definition("VECTOR", g.vector),
         definition("INPUT", static_cast<int>(input))},
        {"layer_norm_forward", "layer_norm_backward", "norm_gate_forward", "norm_gate_backward", "merge_norm_forward",
         "merge_norm_backward", "expand_norm_forward", "expand_norm_backward"}};
}

Program depthwise_program(int vector, Input input) {
    static const std::string source = std::string(prelude) + depthwise_arguments + "\n" + elements + depthwise_kernels;
    return {
        "depthwise",
        &source,
        {definition("VECTOR", vector), definition("INPUT", static_cast<int>(input))},
        {"depthwise_forward", "depthwise_backward"}};
}

Program residual_program(int vector, Input input) {
    static const std::string source = std::string(prelude) + residual_arguments + "\n" + elements + residual_kernels;
    return {
        "residual",
        &source,
        {definition("VECTOR", vector), definition("INPUT", static_cast<int>(input))},
        {"residual_forward", "residual_backward"}};
}

Program sum_program(int vector, Input input) {
    static const std::string source = std::string(prelude) + sum_arguments + "\n" + elements + sum_kernels;
    return {"sum", &source, {definition("VECTOR", vector), definition("INPUT", static_cast<int>(input))}, {"sum_of_parts"}};
}

}  // namespace ctorch::cuda
