// The operators, declared for each instruction set with the signatures of the C interface.
#pragma once

#include <algorithm>
#include <type_traits>

#include "dispatch.h"
#include "include/CKernels.h"

#define VMK_LINEAR_KERNELS                                       \
    decltype(vmk_linear_weight_gradient) linear_weight_gradient; \
    decltype(vmk_linear_forward) linear_forward;                 \
    void pack_weight(int64_t columns, int64_t depth, int transposed, vmk_type type, vmk_type weight_type, const void *weight, void *packed);

#define VMK_OPERATORS                                              \
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
    decltype(vmk_residual_forward) residual_forward;               \
    decltype(vmk_residual_backward) residual_backward;             \
    decltype(vmk_cast) cast;                                       \
    VMK_LINEAR_KERNELS

namespace vmk {
namespace portable {
VMK_OPERATORS
}
#if defined(__x86_64__)
namespace avx2 {
VMK_OPERATORS
}
namespace avx512 {
VMK_OPERATORS
}
// Products of bfloat16 pairs, if the processor has them.
namespace avx512_bfloat16 {
VMK_LINEAR_KERNELS
}
#endif
}  // namespace vmk
