// How a sum of parts is divided over a GPU: plain arithmetic, which the tests run as well.
#pragma once
#include <cstddef>
#include <cstdint>

#include "grid.h"

namespace ctorch::cuda {

#define SHARED_TEXT(...) __VA_ARGS__
#include "sum_arguments.inc"
#undef SHARED_TEXT

struct SumPlan {
    int vector;

    template <class Launch> void launch(const SumArguments &a, Launch &&launch) const {
        const int64_t each = int64_t{256} * vector;
        launch("sum_of_parts", Grid{static_cast<unsigned>((a.count + each - 1) / each), 1, 1}, 256, size_t{0}, a);
    }
};

}  // namespace ctorch::cuda
