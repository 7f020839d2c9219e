// How SS2D divides its work over a GPU: plain arithmetic, so that the tests run the same plan and
// launches without one.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../grid.h"

namespace ctorch::cuda {

#define SHARED_TEXT(...) __VA_ARGS__
#include "arguments.inc"
#undef SHARED_TEXT

constexpr int channels_per_block = 32;  // a lane of a warp each

/// What the kernels are compiled for; depends on the number of states alone.
struct Geometry {
    int states;  // N, 1...256
    // States that a thread keeps in registers; a block's warps share a channel's states.
    int per_thread;
    int warps;  // of a block
    // Tokens loaded into shared memory at a time; forward leaves the state before each load.
    int loaded;
    // Tokens whose states backward keeps in registers: per_thread * tile = 32 numbers.
    int tile;

    int padded() const { return per_thread * warps; }  // states, rounded up
    int threads() const { return warps * 32; }
};

inline Geometry geometry_of(int states) {
    Geometry g{};
    g.states = states;
    // Four states a thread: for N = 16 a block is four warps, and one float4 from shared memory
    // loads a token's B. Sixteen warps at most.
    g.per_thread = states <= 64 ? 4 : states <= 128 ? 8 : 16;
    g.warps = (states + g.per_thread - 1) / g.per_thread;
    g.tile = 32 / g.per_thread;
    // As many tokens as a warp has lanes, so that each lane computes one token's place. For each
    // number of x, forward then leaves N / 8 bytes a direction in global memory (8 in all for N =
    // 16), and backward loads every token once. More states leave less shared memory.
    g.loaded = g.warps <= 8 ? 32 : g.per_thread <= 8 ? 16 : 4;
    return g;
}

/// How many numbers of a row of R + 2 N to read at once: 4, 2 or 1, as its parts' alignment allows.
inline int row_vector(const Geometry &g, int rank) {
    if (g.padded() != g.states) return 1;
    return rank % 4 == 0 ? 4 : rank % 2 == 0 ? 2 : 1;
}

/// How one call is divided.
struct Plan {
    Geometry geometry;
    int blocks;  // of 32 channels
    int chunk, chunks, loads;

    /// Makes enough blocks for every multiprocessor. One chunk needs the least arithmetic: with
    /// several, all but one of a direction's are scanned twice, first from zero to find their own
    /// part, then from the incoming state. So cut a map only if images, blocks of channels and the
    /// two pairs of directions are too few: four blocks of four warps a multiprocessor are the
    /// least that hides latencies.
    static Plan make(int64_t batch, int64_t tokens, int64_t channels, int states, int multiprocessors) {
        Plan p{};
        p.geometry = geometry_of(states);
        const int64_t tile = p.geometry.tile, loaded = p.geometry.loaded;
        p.blocks = static_cast<int>((channels + channels_per_block - 1) / channels_per_block);
        const int64_t uncut = std::max<int64_t>(1, p.blocks * batch * 2);
        const int64_t wanted = std::max<int64_t>(1, 4 * static_cast<int64_t>(multiprocessors) / uncut);
        // At least 16 tokens: with fewer, the carry from chunk to chunk, which is serial, would
        // dominate.
        int64_t chunk = std::max<int64_t>(std::max<int64_t>(tile, 16), (tokens + wanted - 1) / wanted);
        const int64_t unit = chunk > loaded ? loaded : tile;
        chunk = (chunk + unit - 1) / unit * unit;
        p.chunk = static_cast<int>(chunk);
        p.chunks = static_cast<int>(std::max<int64_t>(1, (tokens + chunk - 1) / chunk));
        p.loads = static_cast<int>((chunk + loaded - 1) / loaded);
        return p;
    }

    /// Floats of a row in shared memory.
    size_t row_width(int rank) const { return static_cast<size_t>((rank + 3) / 4 * 4 + 2 * geometry.padded()); }

    /// Dynamic shared memory in bytes, in the kernels' order: pairs, dt_weight, rows.
    size_t scan_shared(int rank) const { return 4 * (geometry.loaded * (64 + row_width(rank)) + static_cast<size_t>(rank) * 36); }
    /// Adds x and the parts of y.
    size_t forward_shared(int rank) const {
        return scan_shared(rank) + 4 * (static_cast<size_t>(geometry.loaded) * 32 * (1 + geometry.warps));
    }
    /// Adds x, dy and slope; the warps' parts, gradients of raw steps, states at the tiles, the
    /// gradient of dt_weight.
    size_t backward_shared(int rank) const {
        const size_t loaded = geometry.loaded;
        return scan_shared(rank) +
            4 *
            (loaded * 32 * 3 + static_cast<size_t>(geometry.warps) * geometry.tile * 64 + loaded * 36 +
             loaded / geometry.tile * geometry.padded() * 32 + static_cast<size_t>(rank) * 32);
    }

    void write(SS2DArguments &a) const {
        a.chunk = chunk;
        a.chunks = chunks;
        a.loads = loads;
    }
};

/// A forward pass's launches, in order, as calls of launch(kernel, grid, threads, shared bytes,
/// arguments).
template <class Launch> void launch_forward(const Plan &p, SS2DArguments a, Launch &&launch) {
    const unsigned blocks = p.blocks, chunks = p.chunks, batch = a.batch;
    p.write(a);
    a.backwards = 0;
    if (chunks > 1) {
        launch("ss2d_states", Grid{blocks, chunks, batch * 4}, p.geometry.threads(), p.scan_shared(a.rank), a);
        launch("ss2d_carry", Grid{(a.channels * p.geometry.states + 127u) / 128u, batch * 4, 1}, 128, size_t{0}, a);
    }
    launch("ss2d_forward", Grid{blocks, chunks, batch * 2}, p.geometry.threads(), p.forward_shared(a.rank), a);
}

/// A backward pass's launches. The caller sums the parts of y, dx and the parameters' gradients in
/// a fixed order.
template <class Launch> void launch_backward(const Plan &p, SS2DArguments a, Launch &&launch) {
    const unsigned blocks = p.blocks, chunks = p.chunks, batch = a.batch;
    p.write(a);
    a.backwards = 1;
    if (chunks > 1) {
        launch("ss2d_gradients", Grid{blocks, chunks, batch * 4}, p.geometry.threads(), p.scan_shared(a.rank), a);
        launch("ss2d_carry", Grid{(a.channels * p.geometry.states + 127u) / 128u, batch * 4, 1}, 128, size_t{0}, a);
    }
    launch("ss2d_backward", Grid{blocks, chunks, batch * 2}, p.geometry.threads(), p.backward_shared(a.rank), a);
}

}  // namespace ctorch::cuda
