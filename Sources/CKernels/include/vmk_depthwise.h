// Depthwise convolution with SiLU: y = silu(conv(x) + bias), 3x3, padding 1.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t batch, height, width, channels;
    vmk_type type;  // of x, y and dx
    const void *x;
    int64_t x_stride;
    const float *weight;  // [channels, 3, 3]
    const float *bias;    // [channels]
} vmk_depthwise_silu;

typedef struct {
    void *x;
    int64_t x_stride;
    float *weight, *bias;  // both may be NULL
} vmk_depthwise_silu_gradients;

void vmk_depthwise_silu_forward(const vmk_depthwise_silu *conv, void *y);
/// Recomputes the convolution from x.
void vmk_depthwise_silu_backward(const vmk_depthwise_silu *conv, const float *dy, const vmk_depthwise_silu_gradients *gradients);

VMK_END
