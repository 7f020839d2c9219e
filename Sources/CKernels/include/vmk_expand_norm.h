// Patch expanding after its Linear: the channels (p1 p2 c) of a token become scale x scale tokens,
// normalised over c.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t batch, height, width, channels, scale;  // channels (C): of an output token
    vmk_type e_type;
    const void *e;               // [B, H, W, scale scale C]
    const float *weight, *bias;  // [C]; backward does not read the bias
    float epsilon;
} vmk_expand_norm;

typedef struct {
    void *e;               // of e's type
    float *weight, *bias;  // both may be NULL
} vmk_expand_norm_gradients;

/// y: [B, H scale, W scale, C].
void vmk_expand_norm_forward(const vmk_expand_norm *norm, float *y);
void vmk_expand_norm_backward(const vmk_expand_norm *norm, const float *dy, const vmk_expand_norm_gradients *gradients);

VMK_END
