// The final projection after its Linear: 4x4 space, LayerNorm, and a 1x1 convolution to the
// classes.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t batch, height, width, channels, classes;  // channels (C): of a pixel
    vmk_type e_type;
    const void *e;                         // [B, H, W, 16 C]
    const float *norm_weight, *norm_bias;  // [C]
    float epsilon;
    const float *conv_weight;  // [classes, C]
    const float *conv_bias;    // [classes]; backward does not read it
} vmk_head;

typedef struct {
    void *e;                                                   // of e's type
    float *norm_weight, *norm_bias, *conv_weight, *conv_bias;  // all may be NULL
} vmk_head_gradients;

/// logits: [B, classes, 4 H, 4 W].
void vmk_head_forward(const vmk_head *head, float *logits);
void vmk_head_backward(const vmk_head *head, const float *dlogits, const vmk_head_gradients *gradients);

VMK_END
