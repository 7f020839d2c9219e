#pragma once
/// The network's companions of SS2D: normalisations, gates, convolution, patch operations, and the weight gradient of a Linear layer.
///
/// All maps are channels-last and row-major; a row is a token. A stride is the distance between two rows in elements. Channels are
/// contiguous. Pointers of a `vmk_type` hold float32 or bfloat16 (16 bits, rounded to nearest even). Parameters and their gradients are
/// float32. Gradients are overwritten unless said otherwise. A result depends on its input and the instruction set alone, never on the
/// number of threads. Nothing here checks its arguments.
#include <stdint.h>
#include "CKernels.h"

#ifdef __cplusplus
extern "C" {
#endif

// MARK: LayerNorm

/// y = (x − mean) · rstd · weight + bias over the channels of each row. `mean` and `rstd` (one value a row) are kept for the backward pass
/// where they are not NULL.
void vmk_layer_norm_forward(
    int64_t rows, int64_t channels, const float *x, int64_t x_stride, const float *weight, const float *bias, float epsilon,
    vmk_type y_type, void *y, int64_t y_stride, float *mean, float *rstd);

/// dx = added + the gradient; `added` (same rows and stride as dx, NULL for none, dx itself allowed) takes in the gradient that a residual
/// connection carries past. dweight and dbias may both be NULL.
void vmk_layer_norm_backward(
    int64_t rows, int64_t channels, vmk_type dy_type, const void *dy, int64_t dy_stride, const float *x, int64_t x_stride,
    const float *mean, const float *rstd, const float *weight, const float *added, float *dx, int64_t dx_stride, float *dweight,
    float *dbias);

// MARK: depthwise convolution with SiLU

/// y = silu(conv(x) + bias): 3×3, padding 1, one filter a channel. weight: [channels][3][3]. y is contiguous, [batch, height, width,
/// channels].
void vmk_depthwise_silu_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, vmk_type type, const void *x, int64_t x_stride, const float *weight,
    const float *bias, void *y);

/// The gradient of y is dy + dy2 (dy2 of `type`, NULL for none), both contiguous. Recomputes the convolution from x. dweight:
/// [channels][3][3].
void vmk_depthwise_silu_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, vmk_type type, const float *dy, const void *dy2, const void *x,
    int64_t x_stride, const float *weight, const float *bias, void *dx, int64_t dx_stride, float *dweight, float *dbias);

// MARK: LayerNorm and gate

/// out = LayerNorm(y) · silu(z). y and out are contiguous; z and out are of `type`.
void vmk_norm_gate_forward(
    int64_t rows, int64_t channels, const float *y, vmk_type type, const void *z, int64_t z_stride, const float *weight, const float *bias,
    float epsilon, void *out, float *mean, float *rstd);

/// dout and dz are of `type`; dout and dy are contiguous.
void vmk_norm_gate_backward(
    int64_t rows, int64_t channels, vmk_type type, const void *dout, const float *y, const float *mean, const float *rstd, const void *z,
    int64_t z_stride, const float *weight, const float *bias, float *dy, void *dz, int64_t dz_stride, float *dweight, float *dbias);

// MARK: patch operations

/// Patch merging before its Linear: LayerNorm over the 4C channels (even row, even column), (odd, even), (even, odd), (odd, odd) of each
/// 2×2 square. x: [batch, height, width, channels], height and width even. y: [batch, height/2, width/2, 4·channels]. mean, rstd: a value
/// an output token, or NULL.
void vmk_merge_norm_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, const float *x, const float *weight, const float *bias, float epsilon,
    vmk_type y_type, void *y, float *mean, float *rstd);

void vmk_merge_norm_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, vmk_type dy_type, const void *dy, const float *x, const float *mean,
    const float *rstd, const float *weight, float *dx, float *dweight, float *dbias);

/// Patch expanding after its Linear: the channels (p1 p2 c) of e, [batch, height, width, scale·scale·channels], go to space and are
/// normalised over c. y: [batch, height·scale, width·scale, channels].
void vmk_expand_norm_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t scale, vmk_type e_type, const void *e, const float *weight,
    const float *bias, float epsilon, float *y);

/// Recomputes the statistics from e.
void vmk_expand_norm_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t scale, const float *dy, vmk_type e_type, const void *e,
    const float *weight, float epsilon, void *de, float *dweight, float *dbias);

/// The final projection after its Linear: e, [batch, height, width, 16·channels], to 4×4 space, LayerNorm, and a 1×1 convolution to the
/// classes. conv_weight: [classes][channels]. logits: float32 [batch, classes, 4·height, 4·width].
void vmk_head_forward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t classes, vmk_type e_type, const void *e,
    const float *norm_weight, const float *norm_bias, float epsilon, const float *conv_weight, const float *conv_bias, float *logits);

void vmk_head_backward(
    int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t classes, const float *dlogits, vmk_type e_type, const void *e,
    const float *norm_weight, const float *norm_bias, float epsilon, const float *conv_weight, void *de, float *dnorm_weight,
    float *dnorm_bias, float *dconv_weight, float *dconv_bias);

/// The 4×4 stride-4 convolution's rows: image, float32 [batch, image_channels (`channels`, or 1: repeated), height, width], to [batch,
/// height/4, width/4, 16 channels] in the order (channel, row, column) of the convolution's weight. height and width are multiples of 4.
void vmk_patchify_forward(
    int64_t batch, int64_t image_channels, int64_t channels, int64_t height, int64_t width, const float *image, vmk_type patches_type, void *patches);

void vmk_patchify_backward(
    int64_t batch, int64_t image_channels, int64_t channels, int64_t height, int64_t width, vmk_type patches_type, const void *dpatches, float *dimage);

// MARK: residuals and casts

/// out = x + scale[b] · branch over batch × count elements (scale NULL: 1). out may be x.
void vmk_residual_forward(
    int64_t batch, int64_t count, const float *x, vmk_type branch_type, const void *branch, const float *scale, float *out);

/// dbranch = scale[b] · dout.
void vmk_residual_backward(int64_t batch, int64_t count, const float *dout, const float *scale, vmk_type branch_type, void *dbranch);

/// out = a + b. out may be a or b.
void vmk_add(int64_t count, const float *a, const float *b, float *out);

/// Converts between float32 and bfloat16 (and copies where the types are the same).
void vmk_cast(int64_t count, vmk_type from_type, const void *from, vmk_type to_type, void *to);

// MARK: weight gradient of a Linear layer

/// dw[n][k] (+)= Σ_m dy[m][n] · x[m][k] in float32: dy is [m, n], x is [m, k], dw is contiguous [n, k]. accumulate: add to what dw holds.
void vmk_gemm_tn(
    int64_t m, int64_t n, int64_t k, vmk_type dy_type, const void *dy, int64_t dy_stride, vmk_type x_type, const void *x, int64_t x_stride,
    int accumulate, float *dw);

// MARK: matrix products with weights prepared once

/// How many bytes `vmk_pack_weight` may write for a matrix of `columns` columns and `depth` rows.
int64_t vmk_packed_bytes(int64_t columns, int64_t depth);

/// Prepares a Linear layer's weight [out][in] for `vmk_gemm_packed` with x of `type`, on the instruction set in use (and for that alone).
/// transposed = 1 for y = x·weightᵀ (columns = out, depth = in), 0 for dx = dy·weight (columns = in, depth = out). For bfloat16 the weight
/// is rounded to it.
void vmk_pack_weight(int64_t columns, int64_t depth, int transposed, vmk_type type, const float *weight, void *packed);

/// The same for y = x·weightᵀ with a weight that is stored in `weight_type`, as files have it.
void vmk_pack_stored_weight(int64_t columns, int64_t depth, vmk_type type, vmk_type weight_type, const void *weight, void *packed);

/// A Linear layer whose weight is prepared: y[row][columns] = x[row][depth] · packed (+ bias[columns]) (+ residual[row][columns]).
typedef struct {
    int64_t rows, columns, depth;
    vmk_type x_type;
    const void *x;
    int64_t x_stride;
    const void *packed;
    const float *bias;      // NULL for none
    const float *residual;  // contiguous; NULL for none; y itself allowed
    vmk_type y_type;
    void *y;  // contiguous
} vmk_linear;

void vmk_linear_forward(const vmk_linear *linear);

/// y[m][columns] = x[m][depth] · packed (+ residual[m][columns], float32, contiguous; NULL for none; y itself allowed). Sums are float32; y
/// is contiguous.
void vmk_gemm_packed(
    int64_t m, int64_t columns, int64_t depth, vmk_type x_type, const void *x, int64_t x_stride, const void *packed, const float *residual,
    vmk_type y_type, void *y);

#ifdef __cplusplus
}
#endif
