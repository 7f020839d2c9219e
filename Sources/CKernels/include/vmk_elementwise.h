// Functions of one number, over arrays; x and y may be the same array.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

void vmk_exp(int64_t count, const float *x, float *y);
void vmk_sigmoid(int64_t count, const float *x, float *y);
void vmk_silu(int64_t count, const float *x, float *y);
void vmk_softplus(int64_t count, const float *x, float *y);
/// 2^x for x <= 0, the scan's decay; results below 2^-126 may be zero.
void vmk_decay(int64_t count, const float *x, float *y);

VMK_END
