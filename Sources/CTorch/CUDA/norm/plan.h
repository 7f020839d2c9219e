// How LayerNorm divides rows over a GPU: plain arithmetic, which the tests run too.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../grid.h"

namespace ctorch::cuda {

#define SHARED_TEXT(...) __VA_ARGS__
#include "arguments.inc"
#undef SHARED_TEXT

/// What the kernels are compiled for: `lanes` threads hold a row in registers, `groups` vectors of
/// `vector` numbers each.
struct NormGeometry {
    // Threads of a block; most values of a thread, so that backward's four arrays fit into
    // registers.
    static constexpr int threads = 256, values = 16;

    int lanes, groups, vector;

    /// The geometry with the fewest idle lanes; of those, with the most lanes. At least eight
    /// lanes: a warp then reads whole sectors. 0 lanes if a row is too wide (over 4096).
    static NormGeometry make(int64_t width, int vector) {
        NormGeometry best{0, 0, vector};
        const int64_t vectors = (width + vector - 1) / vector;
        int64_t idle = INT64_MAX;
        for (int groups = 1; groups <= values / vector; groups++) {
            int lanes = 8;
            while (lanes < threads && int64_t{lanes} * groups < vectors) lanes *= 2;
            if (int64_t{lanes} * groups < vectors || int64_t{lanes} * groups - vectors >= idle) continue;
            idle = int64_t{lanes} * groups - vectors;
            best.lanes = lanes, best.groups = groups;
        }
        return best;
    }
    int slots() const { return threads / lanes; }  // rows that a block does at a time
};

struct NormPlan {
    NormGeometry geometry;
    int blocks, backward_blocks;

    static NormPlan make(int64_t rows, int64_t width, int vector, int multiprocessors) {
        NormPlan p{NormGeometry::make(width, vector), 0, 0};
        if (p.geometry.lanes == 0) return p;
        const int64_t turns = (rows + p.geometry.slots() - 1) / p.geometry.slots();
        p.blocks = static_cast<int>(turns);
        // Each block of backward leaves a part of the weights' gradients. So use as few as fill the
        // GPU: beyond one a multiprocessor, only blocks with work for eight turns.
        const int64_t most = 4 * static_cast<int64_t>(multiprocessors);
        p.backward_blocks =
            static_cast<int>(std::min<int64_t>(turns, std::max<int64_t>(multiprocessors, std::min<int64_t>(most, turns / 8))));
        return p;
    }

    /// In bytes: two sums for each warp, or the gradients of every thread's values.
    static size_t forward_shared() { return 8 * NormGeometry::threads / 32; }
    size_t backward_shared() const {
        return std::max(forward_shared(), size_t{4} * NormGeometry::threads * geometry.groups * geometry.vector);
    }

    template <class Launch> void forward(const char *kernel, NormArguments a, Launch &&launch) const {
        a.blocks = blocks;
        launch(kernel, Grid{static_cast<unsigned>(blocks), 1, 1}, NormGeometry::threads, forward_shared(), a);
    }
    /// The caller sums the parts in a fixed order.
    template <class Launch> void backward(const char *kernel, NormArguments a, Launch &&launch) const {
        a.blocks = backward_blocks;
        launch(kernel, Grid{static_cast<unsigned>(backward_blocks), 1, 1}, NormGeometry::threads, backward_shared(), a);
    }
};

}  // namespace ctorch::cuda
