// Standard headers and declarations that the kernels need, included before they are compiled for an
// instruction set.
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
#include "selective_scan.h"
#include "ss2d.h"
