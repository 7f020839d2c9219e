#if defined(__x86_64__)
// Matrix products for processors that multiply pairs of bfloat16 (avx512_bf16).
#include "kernels.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#define VMK_WIDTH 16
#define VMK_AVX512 1
#define VMK_BFLOAT16_PAIRS 1

namespace vmk::avx512_bfloat16 {
#include "vec.h"

#include "channels.inc"

#include "rows.inc"

#include "gemm.inc"

#include "gemm_packed.inc"
}  // namespace vmk::avx512_bfloat16

#pragma clang attribute pop
#endif
