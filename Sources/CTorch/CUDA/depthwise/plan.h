// How the depthwise convolution divides a map over a GPU: plain arithmetic, which the tests run
// too.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../grid.h"

namespace ctorch::cuda {

#define SHARED_TEXT(...) __VA_ARGS__
#include "arguments.inc"
#undef SHARED_TEXT

/// A block walks down a strip of rows: a warp for each two columns of its band, a lane for each
/// `vector` channels.
struct DepthwisePlan {
    static constexpr int columns = 2, most_warps = 8;  // of a warp, of a block

    int vector, channel_blocks, band, bands, strip, strips, batch;

    /// Backward also computes the column on either side of the band, which the band needs.
    static DepthwisePlan make(
        int64_t batch, int64_t height, int64_t width, int64_t channels, int vector, bool backward, int multiprocessors) {
        DepthwisePlan p{};
        p.vector = vector;
        p.batch = static_cast<int>(batch);
        p.channel_blocks = static_cast<int>((channels + 32 * vector - 1) / (32 * vector));
        const int64_t most = columns * most_warps - (backward ? 2 : 0);
        const int64_t bands = (width + most - 1) / most;
        const int64_t band = (width + bands - 1) / bands;
        // In forward a warp's columns belong to one band.
        p.band = static_cast<int>(backward ? band : (band + columns - 1) / columns * columns);
        p.bands = static_cast<int>((width + p.band - 1) / p.band);
        // A strip reads one row more above and below, backward two: make strips as long as leaves
        // enough blocks, and at least eight rows.
        const int64_t blocks = p.channel_blocks * p.bands * batch, wanted = (backward ? 4 : 12) * static_cast<int64_t>(multiprocessors);
        const int64_t strips = std::max<int64_t>(1, wanted / std::max<int64_t>(1, blocks));
        p.strip = static_cast<int>(std::min(height, std::max<int64_t>(8, (height + strips - 1) / strips)));
        p.strips = static_cast<int>((height + p.strip - 1) / p.strip);
        return p;
    }

    int parts() const { return batch * strips * bands; }
    Grid grid() const {
        return {static_cast<unsigned>(channel_blocks), static_cast<unsigned>(bands * strips), static_cast<unsigned>(batch)};
    }

    template <class Launch> void forward(DepthwiseArguments a, Launch &&launch) const {
        a.strip = strip, a.band = band, a.bands = bands;
        launch("depthwise_forward", grid(), band / columns * 32, size_t{0}, a);
    }
    /// The caller sums the parts in a fixed order.
    template <class Launch> void backward(DepthwiseArguments a, Launch &&launch) const {
        a.strip = strip, a.band = band, a.bands = bands;
        const int warps = (band + 2 + columns - 1) / columns;
        launch("depthwise_backward", grid(), warps * 32, size_t{2} * warps * columns * 32 * vector * 4, a);
    }
};

}  // namespace ctorch::cuda
