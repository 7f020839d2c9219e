#if defined(__x86_64__)
// The kernels for AVX2.
#include "kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VMK_WIDTH 8
#define VMK_AVX2 1

namespace vmk::avx2 {
#include "kernels.inc"
}

#pragma clang attribute pop
#endif
