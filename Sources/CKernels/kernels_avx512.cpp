#if defined(__x86_64__)
// The kernels for AVX-512.
#include "kernels.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define VMK_WIDTH 16
#define VMK_AVX512 1

namespace vmk::avx512 {
#include "kernels.inc"
}

#pragma clang attribute pop
#endif
