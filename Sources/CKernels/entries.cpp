// The operators' C interface: each call goes to the instruction set in use.
#include "operators.h"

#if defined(__x86_64__)
#define VMK_PICK_LINEAR(name, is_bfloat16) ((is_bfloat16) && multiplies_bfloat16() ? vmk::avx512_bfloat16::name : VMK_PICK(name))
namespace {
bool multiplies_bfloat16() {
    static const bool has = __builtin_cpu_supports("avx512bf16");
    return has && vmk::instruction_set() == vmk::InstructionSet::avx512;
}
}  // namespace
#else
#define VMK_PICK_LINEAR(name, is_bfloat16) VMK_PICK(name)
#endif

extern "C" {

void vmk_layer_norm_forward(const vmk_layer_norm *norm, vmk_type y_type, void *y, int64_t y_stride) {
    VMK_PICK(layer_norm_forward)(norm, y_type, y, y_stride);
}
void vmk_layer_norm_backward(
    const vmk_layer_norm *norm, vmk_type dy_type, const void *dy, int64_t dy_stride, const vmk_layer_norm_gradients *gradients) {
    VMK_PICK(layer_norm_backward)(norm, dy_type, dy, dy_stride, gradients);
}

void vmk_depthwise_silu_forward(const vmk_depthwise_silu *conv, void *y) { VMK_PICK(depthwise_silu_forward)(conv, y); }
void vmk_depthwise_silu_backward(const vmk_depthwise_silu *conv, const float *dy, const vmk_depthwise_silu_gradients *gradients) {
    VMK_PICK(depthwise_silu_backward)(conv, dy, gradients);
}

void vmk_norm_gate_forward(const vmk_norm_gate *norm, void *out) { VMK_PICK(norm_gate_forward)(norm, out); }
void vmk_norm_gate_backward(const vmk_norm_gate *norm, const void *dout, const vmk_norm_gate_gradients *gradients) {
    VMK_PICK(norm_gate_backward)(norm, dout, gradients);
}

void vmk_merge_norm_forward(const vmk_merge_norm *norm, vmk_type y_type, void *y) { VMK_PICK(merge_norm_forward)(norm, y_type, y); }
void vmk_merge_norm_backward(const vmk_merge_norm *norm, vmk_type dy_type, const void *dy, const vmk_merge_norm_gradients *gradients) {
    VMK_PICK(merge_norm_backward)(norm, dy_type, dy, gradients);
}

void vmk_expand_norm_forward(const vmk_expand_norm *norm, float *y) { VMK_PICK(expand_norm_forward)(norm, y); }
void vmk_expand_norm_backward(const vmk_expand_norm *norm, const float *dy, const vmk_expand_norm_gradients *gradients) {
    VMK_PICK(expand_norm_backward)(norm, dy, gradients);
}

void vmk_head_forward(const vmk_head *head, float *logits) { VMK_PICK(head_forward)(head, logits); }
void vmk_head_backward(const vmk_head *head, const float *dlogits, const vmk_head_gradients *gradients) {
    VMK_PICK(head_backward)(head, dlogits, gradients);
}

void vmk_patchify_forward(const vmk_patchify *inputs, vmk_type patches_type, void *patches) {
    VMK_PICK(patchify_forward)(inputs, patches_type, patches);
}

void vmk_residual_forward(
    int64_t batch, int64_t count, const float *x, vmk_type branch_type, const void *branch, const float *scale, float *out) {
    VMK_PICK(residual_forward)(batch, count, x, branch_type, branch, scale, out);
}
void vmk_residual_backward(int64_t batch, int64_t count, const float *dout, const float *scale, vmk_type branch_type, void *dbranch) {
    VMK_PICK(residual_backward)(batch, count, dout, scale, branch_type, dbranch);
}

void vmk_cast(int64_t count, vmk_type from_type, const void *from, vmk_type to_type, void *to) {
    VMK_PICK(cast)(count, from_type, from, to_type, to);
}

int64_t vmk_packed_bytes(int64_t columns, int64_t depth) {
    // 48 is a multiple of every instruction set's panel.
    return (columns + 47) / 48 * 48 * depth * 4;
}

void vmk_pack_weight(int64_t columns, int64_t depth, int transposed, vmk_type type, const float *weight, void *packed) {
    VMK_PICK_LINEAR(pack_weight, type == VMK_BFLOAT16)(columns, depth, transposed, type, VMK_FLOAT32, weight, packed);
}
void vmk_pack_stored_weight(int64_t columns, int64_t depth, vmk_type type, vmk_type weight_type, const void *weight, void *packed) {
    VMK_PICK_LINEAR(pack_weight, type == VMK_BFLOAT16)(columns, depth, 1, type, weight_type, weight, packed);
}

void vmk_linear_forward(const vmk_linear *linear) { VMK_PICK_LINEAR(linear_forward, linear->x_type == VMK_BFLOAT16)(linear); }

void vmk_linear_weight_gradient(const vmk_linear_weight *inputs, float *dweight) {
    const bool is_bfloat16 = inputs->dy_type == VMK_BFLOAT16 && inputs->x_type == VMK_BFLOAT16;
    VMK_PICK_LINEAR(linear_weight_gradient, is_bfloat16)(inputs, dweight);
}

}  // extern "C"
