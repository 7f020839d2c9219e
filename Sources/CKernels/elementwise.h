// Functions of one number over an array.
#pragma once

#include <cstdint>

#include "dispatch.h"

namespace vmk {
enum class Function { exp, sigmoid, silu, softplus, decay };
}

VMK_KERNEL(void, elementwise, vmk::Function function, int64_t count, const float *x, float *y)
