// How SS2D's work is divided over a GPU: plain arithmetic, so that the tests run the same plan and the same order of launches without one.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../grid.h"

namespace ctorch::cuda {

#define SHARED_TEXT(...) __VA_ARGS__
#include "arguments.inc"
#undef SHARED_TEXT

constexpr int channels_per_block = 32;  // a lane of a warp for each

/// What the kernels are compiled for: follows from the number of states alone.
struct Geometry {
    int states;      // N, 1...256
    int per_thread;  // states that a thread keeps in registers; a block's warps share a channel's states
    int warps;       // of a block
    int loaded;      // tokens that are brought to shared memory at a time; forward leaves the state before each
    int tile;        // tokens whose states are kept in registers for backward: per_thread * tile = 32 numbers

    int padded() const { return per_thread * warps; }  // states, with those that are not there
    int threads() const { return warps * 32; }
};

inline Geometry geometry_of(int states) {
    Geometry g{};
    g.states = states;
    // Four states a thread: a block of N = 16 is four warps, and one float4 from shared memory brings a token's B. Sixteen warps at most.
    g.per_thread = states <= 64 ? 4 : states <= 128 ? 8 : 16;
    g.warps = (states + g.per_thread - 1) / g.per_thread;
    g.tile = 32 / g.per_thread;
    // As many as a warp has lanes, so that each lane works out one token's place: for each number of x, forward then leaves N / 8 bytes a direction in global
    // memory (8 in all with N = 16), and backward loads every token once. With more states there is less room in shared memory.
    g.loaded = g.warps <= 8 ? 32 : g.per_thread <= 8 ? 16 : 4;
    return g;
}

/// How many numbers of a row of R + 2 N are read from memory at once: 4, 2 or 1, as the alignment of its parts allows.
inline int row_vector(const Geometry &g, int rank) {
    if (g.padded() != g.states) return 1;
    return rank % 4 == 0 ? 4 : rank % 2 == 0 ? 2 : 1;
}

/// The division of one call.
struct Plan {
    Geometry geometry;
    int blocks;  // of 32 channels
    int chunk, chunks, loads;

    /// Enough blocks for every multiprocessor. One chunk is best for arithmetic: several mean that all but one of a direction's chunks are scanned
    /// twice, first from nothing to see what they add to the state, then from the state that comes in. So a map is cut only where images, blocks
    /// of channels and the two pairs of directions are too few: four blocks of four warps a multiprocessor are the least that hides latencies.
    static Plan make(int64_t batch, int64_t tokens, int64_t channels, int states, int multiprocessors) {
        Plan p{};
        p.geometry = geometry_of(states);
        const int64_t tile = p.geometry.tile, loaded = p.geometry.loaded;
        p.blocks = static_cast<int>((channels + channels_per_block - 1) / channels_per_block);
        const int64_t uncut = std::max<int64_t>(1, p.blocks * batch * 2);
        const int64_t wanted = std::max<int64_t>(1, 4 * static_cast<int64_t>(multiprocessors) / uncut);
        // Not below 16 tokens: then the carry from chunk to chunk, which is one after another, would take the time.
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

    /// Dynamic shared memory in bytes, in the order in which the kernels lay it out: pairs, dt_weight and rows.
    size_t scan_shared(int rank) const { return 4 * (geometry.loaded * (64 + row_width(rank)) + static_cast<size_t>(rank) * 36); }
    /// Also x and the parts of y.
    size_t forward_shared(int rank) const {
        return scan_shared(rank) + 4 * (static_cast<size_t>(geometry.loaded) * 32 * (1 + geometry.warps));
    }
    /// Also x, dy and slope; parts by warps, gradients of raw steps, states at the tiles, the gradient of dt_weight.
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

/// The launches of a forward pass, in order, as calls of launch(kernel, grid, threads, shared bytes, arguments).
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

/// The launches of a backward pass. What they leave in y's, dx's and the parameters' parts is summed by the caller, in a fixed order.
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
