// LayerNorm over the channels of each row.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t rows, channels;
    const float *x;
    int64_t x_stride;
    const float *weight, *bias;  // [channels]; backward does not read the bias
    float epsilon;
    float *mean, *rstd;  // [rows]: forward writes them for backward; NULL if none follows
} vmk_layer_norm;

typedef struct {
    float *x;
    int64_t x_stride;
    float *weight, *bias;  // both may be NULL
} vmk_layer_norm_gradients;

/// y = (x - mean) rstd weight + bias.
void vmk_layer_norm_forward(const vmk_layer_norm *norm, vmk_type y_type, void *y, int64_t y_stride);

void vmk_layer_norm_backward(
    const vmk_layer_norm *norm, vmk_type dy_type, const void *dy, int64_t dy_stride, const vmk_layer_norm_gradients *gradients);

VMK_END
