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

/// Chooses an instruction set for what is called from now on, NULL for the default again. A wish beyond this CPU falls to the best below it;
/// the answer is what was set. Not to be called while a kernel runs.
const char *vmk_set_instruction_set(const char *name);

// MARK: Functions of one number, over arrays (x and y may be the same array)

void vmk_exp(int64_t count, const float *x, float *y);
void vmk_sigmoid(int64_t count, const float *x, float *y);
void vmk_silu(int64_t count, const float *x, float *y);
void vmk_softplus(int64_t count, const float *x, float *y);
/// 2^x for x <= 0, the scan's decay: below 2^-126 it may be flushed to zero.
void vmk_decay(int64_t count, const float *x, float *y);

#ifdef __cplusplus
}
#endif
