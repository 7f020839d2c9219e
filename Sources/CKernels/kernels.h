// What the kernels need before they are compiled for one instruction set: standard headers, and the declarations of every kernel.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "elementwise.h"
#include "operators.h"
#include "parallel.h"
#include "ss2d.h"
