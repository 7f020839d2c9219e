// SS2D: the selective scan of a map in four directions.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// A map of `channels` (D), scanned with `states` (N, 1...256) per channel; `rank` (R) is the width
/// of the step's projection.
typedef struct {
    int64_t batch, height, width, channels, states, rank;
} vmk_ss2d_shape;

typedef struct {
    vmk_ss2d_shape shape;
    vmk_type x_type;
    const void *x;  // [B, H, W, D]
    int64_t x_stride;
    const float *projection;  // [B, H, W, 4 (R + 2 N)]: each direction's delta (R), B (N), C (N)
    const float *dt_weight;   // [4, D, R]
    const float *dt_bias;     // [4, D]
    const float *A_logs;      // [4 D, N]
    const float *Ds;          // [4 D]
    const float *prepared;    // the four above by vmk_ss2d_prepare, which then are not read; or NULL
} vmk_ss2d;

/// The number of floats in `prepared`; height, width and batch do not matter.
int64_t vmk_ss2d_prepared_count(const vmk_ss2d_shape *shape);

/// Puts dt_weight, dt_bias, A = -exp(A_logs) and Ds side by side as the scan reads them, once for
/// any number of calls. A call without it does so itself.
void vmk_ss2d_prepare(const vmk_ss2d *inputs, float *prepared);

/// Shaped like the inputs; x is float32 without gaps, and only the part through the scan: the part
/// through the projection follows from that gradient.
typedef struct {
    float *x, *projection, *dt_weight, *dt_bias, *A_logs, *Ds;
} vmk_ss2d_gradients;

/// The number of floats in `borders`: the states that forward leaves for backward, one set for each
/// 64 tokens. May be 0.
int64_t vmk_ss2d_border_count(const vmk_ss2d_shape *shape);

/// y [B, H, W, D] = the sum over four directions of C h + D x, where from token to token h <-
/// exp(step A) h + step x B, step = softplus(dt_weight delta + dt_bias) and A = -exp(A_logs).
/// Direction 0 runs along rows, 1 down columns, 2 and 3 are these two reversed. borders: NULL if no
/// backward follows.
void vmk_ss2d_forward(const vmk_ss2d *inputs, float *y, float *borders);

/// The gradients of sum(y dy), given the borders that forward left.
void vmk_ss2d_backward(const vmk_ss2d *inputs, const float *borders, const float *dy, const vmk_ss2d_gradients *gradients);

/// The same in double precision, one number at a time on one thread: easy to read, and the truth
/// for the kernels' tests.
void vmk_ss2d_forward_reference(const vmk_ss2d *inputs, float *y);
void vmk_ss2d_backward_reference(const vmk_ss2d *inputs, const float *dy, const vmk_ss2d_gradients *gradients);

VMK_END
