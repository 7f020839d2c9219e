// The C interface of the dense kernels: each call goes to the instruction set in use.
#include "dense.h"

#if defined(__x86_64__)
#define VMK_PICK_GEMM(name, is_bfloat16) ((is_bfloat16) && multiplies_bfloat16() ? vmk::avx512_bfloat16::name : VMK_PICK(name))
namespace {
bool multiplies_bfloat16() {
    static const bool has = __builtin_cpu_supports("avx512bf16");
    return has && vmk::instruction_set() == vmk::InstructionSet::avx512;
}
}  // namespace
#else
#define VMK_PICK_GEMM(name, is_bfloat16) VMK_PICK(name)
#endif

extern "C" {

void vmk_layer_norm_forward(
    int64_t rows, int64_t channels, const float *x, int64_t x_stride, const float *weight, const float *bias, float epsilon,
    vmk_type y_type, void *y, int64_t y_stride, float *mean, float *rstd) {
    VMK_PICK(layer_norm_forward)(rows, channels, x, x_stride, weight, bias, epsilon, y_type, y, y_stride, mean, rstd);
}

void vmk_layer_norm_backward(
    int64_t rows, int64_t channels, vmk_type dy_type, const void *dy, int64_t dy_stride, const float *x, int64_t x_stride,
    const float *mean, const float *rstd, const float *weight, const float *added, float *dx, int64_t dx_stride, float *dweight,
    float *dbias) {
    VMK_PICK(layer_norm_backward)(
        rows, channels, dy_type, dy, dy_stride, x, x_stride, mean, rstd, weight, added, dx, dx_stride, dweight, dbias);
}

void vmk_depthwise_silu_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, vmk_type type, const void *x, int64_t x_stride, const float *weight,
    const float *bias, void *y) {
    VMK_PICK(depthwise_silu_forward)(batch, height, width, channels, type, x, x_stride, weight, bias, y);
}

void vmk_depthwise_silu_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, vmk_type type, const float *dy, const void *dy2, const void *x,
    int64_t x_stride, const float *weight, const float *bias, void *dx, int64_t dx_stride, float *dweight, float *dbias) {
    VMK_PICK(depthwise_silu_backward)(
        batch, height, width, channels, type, dy, dy2, x, x_stride, weight, bias, dx, dx_stride, dweight, dbias);
}

void vmk_norm_gate_forward(
    int64_t rows, int64_t channels, const float *y, vmk_type type, const void *z, int64_t z_stride, const float *weight, const float *bias,
    float epsilon, void *out, float *mean, float *rstd) {
    VMK_PICK(norm_gate_forward)(rows, channels, y, type, z, z_stride, weight, bias, epsilon, out, mean, rstd);
}

void vmk_norm_gate_backward(
    int64_t rows, int64_t channels, vmk_type type, const void *dout, const float *y, const float *mean, const float *rstd, const void *z,
    int64_t z_stride, const float *weight, const float *bias, float *dy, void *dz, int64_t dz_stride, float *dweight, float *dbias) {
    VMK_PICK(norm_gate_backward)(rows, channels, type, dout, y, mean, rstd, z, z_stride, weight, bias, dy, dz, dz_stride, dweight, dbias);
}

void vmk_merge_norm_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, const float *x, const float *weight, const float *bias, float epsilon,
    vmk_type y_type, void *y, float *mean, float *rstd) {
    VMK_PICK(merge_norm_forward)(batch, height, width, channels, x, weight, bias, epsilon, y_type, y, mean, rstd);
}

void vmk_merge_norm_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, vmk_type dy_type, const void *dy, const float *x, const float *mean,
    const float *rstd, const float *weight, float *dx, float *dweight, float *dbias) {
    VMK_PICK(merge_norm_backward)(batch, height, width, channels, dy_type, dy, x, mean, rstd, weight, dx, dweight, dbias);
}

void vmk_expand_norm_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t scale, vmk_type e_type, const void *e, const float *weight,
    const float *bias, float epsilon, float *y) {
    VMK_PICK(expand_norm_forward)(batch, height, width, channels, scale, e_type, e, weight, bias, epsilon, y);
}

void vmk_expand_norm_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t scale, const float *dy, vmk_type e_type, const void *e,
    const float *weight, float epsilon, void *de, float *dweight, float *dbias) {
    VMK_PICK(expand_norm_backward)(batch, height, width, channels, scale, dy, e_type, e, weight, epsilon, de, dweight, dbias);
}

void vmk_head_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t classes, vmk_type e_type, const void *e,
    const float *norm_weight, const float *norm_bias, float epsilon, const float *conv_weight, const float *conv_bias, float *logits) {
    VMK_PICK(head_forward)(
        batch, height, width, channels, classes, e_type, e, norm_weight, norm_bias, epsilon, conv_weight, conv_bias, logits);
}

void vmk_head_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t classes, const float *dlogits, vmk_type e_type, const void *e,
    const float *norm_weight, const float *norm_bias, float epsilon, const float *conv_weight, void *de, float *dnorm_weight,
    float *dnorm_bias, float *dconv_weight, float *dconv_bias) {
    VMK_PICK(head_backward)(
        batch, height, width, channels, classes, dlogits, e_type, e, norm_weight, norm_bias, epsilon, conv_weight, de, dnorm_weight,
        dnorm_bias, dconv_weight, dconv_bias);
}

void vmk_patchify_forward(
    int64_t batch, int64_t image_channels, int64_t channels, int64_t height, int64_t width, const float *image, vmk_type patches_type, void *patches) {
    VMK_PICK(patchify_forward)(batch, image_channels, channels, height, width, image, patches_type, patches);
}

void vmk_patchify_backward(
    int64_t batch, int64_t image_channels, int64_t channels, int64_t height, int64_t width, vmk_type patches_type, const void *dpatches, float *dimage) {
    VMK_PICK(patchify_backward)(batch, image_channels, channels, height, width, patches_type, dpatches, dimage);
}

void vmk_residual_forward(
    int64_t batch, int64_t count, const float *x, vmk_type branch_type, const void *branch, const float *scale, float *out) {
    VMK_PICK(residual_forward)(batch, count, x, branch_type, branch, scale, out);
}

void vmk_residual_backward(int64_t batch, int64_t count, const float *dout, const float *scale, vmk_type branch_type, void *dbranch) {
    VMK_PICK(residual_backward)(batch, count, dout, scale, branch_type, dbranch);
}

void vmk_add(int64_t count, const float *a, const float *b, float *out) { VMK_PICK(add)(count, a, b, out); }

void vmk_cast(int64_t count, vmk_type from_type, const void *from, vmk_type to_type, void *to) {
    VMK_PICK(cast)(count, from_type, from, to_type, to);
}

void vmk_gemm_tn(
    int64_t m, int64_t n, int64_t k, vmk_type dy_type, const void *dy, int64_t dy_stride, vmk_type x_type, const void *x, int64_t x_stride,
    int accumulate, float *dw) {
    VMK_PICK_GEMM(gemm_tn, dy_type == VMK_BFLOAT16 && x_type == VMK_BFLOAT16)(
        m, n, k, dy_type, dy, dy_stride, x_type, x, x_stride, accumulate, dw);
}

int64_t vmk_packed_bytes(int64_t columns, int64_t depth) {
    return (columns + 47) / 48 * 48 * depth * 4;  // 48 is a multiple of every instruction set's panel
}

void vmk_pack_weight(int64_t columns, int64_t depth, int transposed, vmk_type type, const float *weight, void *packed) {
    VMK_PICK_GEMM(pack_weight, type == VMK_BFLOAT16)(columns, depth, transposed, type, VMK_FLOAT32, weight, packed);
}

void vmk_pack_stored_weight(int64_t columns, int64_t depth, vmk_type type, vmk_type weight_type, const void *weight, void *packed) {
    VMK_PICK_GEMM(pack_weight, type == VMK_BFLOAT16)(columns, depth, 1, type, weight_type, weight, packed);
}

void vmk_linear_forward(const vmk_linear *linear) {
    VMK_PICK_GEMM(linear_forward, linear->x_type == VMK_BFLOAT16)(linear);
}

void vmk_gemm_packed(
    int64_t m, int64_t columns, int64_t depth, vmk_type x_type, const void *x, int64_t x_stride, const void *packed, const float *residual,
    vmk_type y_type, void *y) {
    const vmk_linear linear = {m, columns, depth, x_type, x, x_stride, packed, nullptr, residual, y_type, y};
    vmk_linear_forward(&linear);
}

}  // extern "C"
