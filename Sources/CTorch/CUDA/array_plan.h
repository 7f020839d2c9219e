// How residuals and sums divide an array over a GPU: plain arithmetic, which the tests run too.
#pragma once
#include <cstddef>
#include <cstdint>

#include "grid.h"

namespace ctorch::cuda {

#define SHARED_TEXT(...) __VA_ARGS__
#include "residual/arguments.inc"
#include "sum/arguments.inc"
#undef SHARED_TEXT

/// A thread has `vector` neighbouring numbers, a block 256 threads.
struct ArrayPlan {
    int vector;

    int64_t blocks(int64_t count) const { return (count + 256 * vector - 1) / (256 * vector); }
    bool fits(int64_t count) const { return blocks(count) < int64_t{1} << 31; }

    template <class Arguments, class Launch> void launch(const char *kernel, const Arguments &a, Launch &&launch) const {
        launch(kernel, Grid{static_cast<unsigned>(blocks(a.count)), 1, 1}, 256, size_t{0}, a);
    }
};

}  // namespace ctorch::cuda
