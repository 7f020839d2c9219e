// Residual connections.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// out = x + scale[b] branch over [batch, count]; scale NULL is 1. out may be x.
void vmk_residual_forward(
    int64_t batch, int64_t count, const float *x, vmk_type branch_type, const void *branch, const float *scale, float *out);

/// dbranch = scale[b] dout.
void vmk_residual_backward(int64_t batch, int64_t count, const float *dout, const float *scale, vmk_type branch_type, void *dbranch);

VMK_END
