// Types shared by all kernels.
//
// Maps are [batch, height, width, channels], row-major; a row is the channels of one token, and
// they are contiguous. A stride is the distance between two rows in elements; an array without a
// stride has no gaps. Parameters and their gradients are float32. Outputs are overwritten.
//
// A result depends on its input and the instruction set alone, not on the number of threads.
// Nothing checks its arguments.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
#define VMK_BEGIN extern "C" {
#define VMK_END }
#else
#define VMK_BEGIN
#define VMK_END
#endif

/// The element type of activations. A bfloat16 is the upper half of a float32 in a uint16_t,
/// rounded to nearest even; arithmetic is float32.
typedef enum { VMK_FLOAT32 = 0, VMK_BFLOAT16 = 1 } vmk_type;
