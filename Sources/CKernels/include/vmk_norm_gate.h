// LayerNorm and gate: out = LayerNorm(y) silu(z).
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t rows, channels;
    const float *y;
    vmk_type type;  // of z, out and their gradients
    const void *z;
    int64_t z_stride;
    const float *weight, *bias;  // [channels]
    float epsilon;
    float *mean, *rstd;  // [rows], as in vmk_layer_norm
} vmk_norm_gate;

typedef struct {
    float *y;
    void *z;
    int64_t z_stride;
    float *weight, *bias;  // both may be NULL
} vmk_norm_gate_gradients;

void vmk_norm_gate_forward(const vmk_norm_gate *norm, void *out);
void vmk_norm_gate_backward(const vmk_norm_gate *norm, const void *dout, const vmk_norm_gate_gradients *gradients);

VMK_END
