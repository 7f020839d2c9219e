// The selective scan of sequences in one direction, as Mamba and VMamba call it.
#pragma once

#include <stdbool.h>

#include "vmk_types.h"

VMK_BEGIN

/// `channels` (D) in `groups` (G) of equal size, which share B and C; `states` (N, 1...256) a
/// channel.
typedef struct {
    int64_t batch, channels, length, states, groups;
} vmk_selective_scan_shape;

typedef struct {
    vmk_selective_scan_shape shape;
    const float *u, *delta;   // [B, D, L]
    const float *A;           // [D, N]
    const float *B, *C;       // [B, G, N, L]
    const float *skip;        // [D], which Mamba calls D; NULL: none
    const float *delta_bias;  // [D]; NULL: none
    bool softplus;            // step = softplus(delta + delta_bias), otherwise delta + delta_bias
} vmk_selective_scan;

/// Shaped like the inputs. `skip` and `delta_bias` are written if the inputs have them.
typedef struct {
    float *u, *delta, *A, *B, *C, *skip, *delta_bias;
} vmk_selective_scan_gradients;

/// The number of floats in `borders`: the states that forward leaves for backward, one set for each
/// 64 tokens. May be 0.
int64_t vmk_selective_scan_border_count(const vmk_selective_scan_shape *shape);

/// y [B, D, L] = C h + skip u, where from token to token h <- exp(step A) h + step u B. borders:
/// NULL if no backward follows. last [B, D, N] gets the states after the last token; NULL: not
/// wanted.
void vmk_selective_scan_forward(const vmk_selective_scan *inputs, float *y, float *borders, float *last);

/// The gradients of sum(y dy), given the borders that forward left.
void vmk_selective_scan_backward(
    const vmk_selective_scan *inputs, const float *borders, const float *dy, const vmk_selective_scan_gradients *gradients);

VMK_END
