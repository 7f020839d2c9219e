// The network's own arithmetic on plain pointers: what no library offers at this CPU's speed.
//
// Sizes are int64_t, arrays row-major, tokens of a map (B, H, W) in row-major order, channels contiguous. A stride is the distance
// between two tokens in elements. Parameters and their gradients are float32. Outputs are overwritten unless said otherwise.
// Every function gives the same bits for any number of threads.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How activations are stored. bfloat16 is a uint16_t, rounded to nearest even; arithmetic is always float32.
typedef enum { VMK_FLOAT32 = 0, VMK_BFLOAT16 = 1 } vmk_type;

// MARK: Threads

/// How many threads share the work. Starts as OMP_NUM_THREADS, or as the number of processors that this process may use.
int vmk_threads(void);

/// Sets the number of threads; less than one means the default again.
void vmk_set_threads(int threads);

/// Calls `task(context, i)` once for every i in 0..<count, divided over the threads; returns when all are done.
void vmk_parallel(int64_t count, void *context, void (*task)(void *context, int64_t index));

// MARK: Instruction set

/// What the kernels run on: "avx512", "avx2" or "portable". The best that this CPU has, or less if the environment variable VMUNET_CPU says so.
const char *vmk_instruction_set(void);

/// Chooses an instruction set for what this thread calls from now on, NULL for the default again. A wish beyond this CPU falls to the best below it;
/// the answer is what was set.
const char *vmk_set_instruction_set(const char *name);

// MARK: Functions of one number, over arrays (x and y may be the same array)

void vmk_exp(int64_t count, const float *x, float *y);
void vmk_sigmoid(int64_t count, const float *x, float *y);
void vmk_silu(int64_t count, const float *x, float *y);
void vmk_softplus(int64_t count, const float *x, float *y);
/// 2^x for x <= 0, the scan's decay: below 2^-126 it may be flushed to zero.
void vmk_decay(int64_t count, const float *x, float *y);

// MARK: SS2D, the selective scan of a map in four directions

/// A map of `channels` (D), scanned with `states` (N, 1...256) a channel; `rank` (R) is the width of the step's projection.
typedef struct {
    int64_t batch, height, width, channels, states, rank;
} vmk_ss2d_shape;

/// How many floats `borders` holds: the states that forward leaves for backward, one set for each 64 tokens; may be 0.
int64_t vmk_ss2d_border_count(const vmk_ss2d_shape *shape);

/// y = the sum over four directions k of C h + D x, where h <- exp(step A) h + step x B from token to token, step = softplus(dt_weight delta + dt_bias)
/// and A = -exp(A_logs). Directions: 0 along rows, 1 along columns (the next token is the one below), 2 and 3 the same backwards.
///
/// x [B, H, W, D] with `x_stride`; projection [B, H, W, 4 (R + 2 N)], for each direction delta (R), B (N), C (N);
/// dt_weight [4, D, R], dt_bias [4, D], A_logs [4 D, N], Ds [4 D]; y [B, H, W, D] dense; borders: NULL if no backward follows.
void vmk_ss2d_forward(
    const vmk_ss2d_shape *shape, vmk_type x_type, const void *x, int64_t x_stride, const float *projection, const float *dt_weight,
    const float *dt_bias, const float *A_logs, const float *Ds, float *y, float *borders);

/// The gradients of sum(y dy), given forward's inputs and the borders that it left. dx [B, H, W, D], dense, is the part through the scan; the part
/// through `projection` follows from dprojection.
void vmk_ss2d_backward(
    const vmk_ss2d_shape *shape, vmk_type x_type, const void *x, int64_t x_stride, const float *projection, const float *dt_weight,
    const float *dt_bias, const float *A_logs, const float *Ds, const float *borders, const float *dy, float *dx, float *dprojection,
    float *ddt_weight, float *ddt_bias, float *dA_logs, float *dDs);

/// The same, written for reading: one number at a time, on one thread, in double precision. What the kernels are tested against.
void vmk_ss2d_forward_reference(
    const vmk_ss2d_shape *shape, vmk_type x_type, const void *x, int64_t x_stride, const float *projection, const float *dt_weight,
    const float *dt_bias, const float *A_logs, const float *Ds, float *y);
void vmk_ss2d_backward_reference(
    const vmk_ss2d_shape *shape, vmk_type x_type, const void *x, int64_t x_stride, const float *projection, const float *dt_weight,
    const float *dt_bias, const float *A_logs, const float *Ds, const float *dy, float *dx, float *dprojection, float *ddt_weight,
    float *ddt_bias, float *dA_logs, float *dDs);

#ifdef __cplusplus
}
#endif

#include "CKernelsDense.h"
