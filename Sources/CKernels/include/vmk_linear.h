// A Linear layer whose weight is prepared once, and its weight's gradient. Sums are float32.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// The most bytes that `vmk_pack_weight` writes for a matrix of `columns` columns and `depth` rows.
int64_t vmk_packed_bytes(int64_t columns, int64_t depth);

/// Prepares a weight [out, in] for products with x of `type`, for the instruction set in use and no
/// other. transposed = 1: for y = x weight^T (columns = out, depth = in); 0: for dx = dy weight
/// (columns = in, depth = out). For bfloat16 the weight is rounded to it.
void vmk_pack_weight(int64_t columns, int64_t depth, int transposed, vmk_type type, const float *weight, void *packed);

/// The same for y = x weight^T, from a weight stored in `weight_type`, as in files.
void vmk_pack_stored_weight(int64_t columns, int64_t depth, vmk_type type, vmk_type weight_type, const void *weight, void *packed);

typedef struct {
    int64_t rows, columns, depth;
    vmk_type x_type;
    const void *x;  // [rows, depth]
    int64_t x_stride;
    const void *packed;
    const float *bias;      // [columns], or NULL
    const float *residual;  // [rows, columns], or NULL; may be y
    vmk_type y_type;
    void *y;  // [rows, columns]
} vmk_linear;

/// y = x packed + bias + residual.
void vmk_linear_forward(const vmk_linear *linear);

typedef struct {
    int64_t rows, columns, depth;
    vmk_type dy_type;
    const void *dy;  // [rows, columns]
    int64_t dy_stride;
    vmk_type x_type;
    const void *x;  // [rows, depth]
    int64_t x_stride;
} vmk_linear_weight;

/// dweight [columns, depth] = dy^T x.
void vmk_linear_weight_gradient(const vmk_linear_weight *inputs, float *dweight);

VMK_END
