// Patch merging before its Linear: LayerNorm over the 4 C channels of each 2x2 square, in the order
// (even row, even column), (odd, even), (even, odd), (odd, odd).
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t batch, height, width, channels;  // of x; height and width are even
    const float *x;
    const float *weight, *bias;  // [4 C]; backward does not read the bias
    float epsilon;
    float *mean, *rstd;  // one an output token, as in vmk_layer_norm
} vmk_merge_norm;

typedef struct {
    float *x;
    float *weight, *bias;  // both may be NULL
} vmk_merge_norm_gradients;

/// y: [B, H / 2, W / 2, 4 C].
void vmk_merge_norm_forward(const vmk_merge_norm *norm, vmk_type y_type, void *y);
void vmk_merge_norm_backward(const vmk_merge_norm *norm, vmk_type dy_type, const void *dy, const vmk_merge_norm_gradients *gradients);

VMK_END
