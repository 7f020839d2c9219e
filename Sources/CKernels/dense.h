// The dense companions of SS2D, declared for each instruction set with the signatures of the C interface.
#pragma once

#include <algorithm>
#include <type_traits>

#include "dispatch.h"
#include "include/CKernelsDense.h"

#define VMK_GEMM_KERNELS                                                                                                            \
    decltype(vmk_gemm_tn) gemm_tn;                                                                                                  \
    void pack_weight(                                                                                                               \
        int64_t columns, int64_t depth, int transposed, vmk_type type, vmk_type weight_type, const void *weight, void *packed);     \
    decltype(vmk_linear_forward) linear_forward;

#define VMK_DENSE_KERNELS                                          \
    decltype(vmk_layer_norm_forward) layer_norm_forward;           \
    decltype(vmk_layer_norm_backward) layer_norm_backward;         \
    decltype(vmk_depthwise_silu_forward) depthwise_silu_forward;   \
    decltype(vmk_depthwise_silu_backward) depthwise_silu_backward; \
    decltype(vmk_norm_gate_forward) norm_gate_forward;             \
    decltype(vmk_norm_gate_backward) norm_gate_backward;           \
    decltype(vmk_merge_norm_forward) merge_norm_forward;           \
    decltype(vmk_merge_norm_backward) merge_norm_backward;         \
    decltype(vmk_expand_norm_forward) expand_norm_forward;         \
    decltype(vmk_expand_norm_backward) expand_norm_backward;       \
    decltype(vmk_head_forward) head_forward;                       \
    decltype(vmk_head_backward) head_backward;                     \
    decltype(vmk_patchify_forward) patchify_forward;               \
    decltype(vmk_patchify_backward) patchify_backward;             \
    decltype(vmk_residual_forward) residual_forward;               \
    decltype(vmk_residual_backward) residual_backward;             \
    decltype(vmk_add) add;                                         \
    decltype(vmk_cast) cast;                                       \
    VMK_GEMM_KERNELS

namespace vmk {
namespace portable {
VMK_DENSE_KERNELS
}
#if defined(__x86_64__)
namespace avx2 {
VMK_DENSE_KERNELS
}
namespace avx512 {
VMK_DENSE_KERNELS
}
namespace avx512_bfloat16 {  // products of bfloat16 pairs, where the processor has them
VMK_GEMM_KERNELS
}
#endif
}  // namespace vmk
