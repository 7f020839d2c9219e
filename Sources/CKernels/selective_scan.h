// The selective scan of sequences in one direction.
//
// As in ss2d.h, channels fill a vector, a channel's states are a loop over registers, and tokens go
// in blocks of 64. Here the steps, B and C come from outside, with tokens innermost: a block of u
// and delta is transposed on its way in, and y on its way out.
#pragma once

#include <cstdint>

#include "dispatch.h"
#include "include/CKernels.h"

namespace vmk {

/// One call's inputs, and how it is divided.
struct SelectiveScan : vmk_selective_scan {
    static constexpr int64_t block = 64;  // tokens
    static constexpr int64_t lanes = 16;  // channels of a tile, whatever a vector's width

    int64_t blocks() const { return (shape.length + block - 1) / block; }
    int64_t group_channels() const { return shape.channels / shape.groups; }
    // Tiles of sixteen channels of a group; the last may be padded.
    int64_t group_tiles() const { return (group_channels() + lanes - 1) / lanes; }
    int64_t tiles() const { return shape.groups * group_tiles(); }

    int64_t first_channel(int64_t tile) const { return tile / group_tiles() * group_channels() + tile % group_tiles() * lanes; }
    int64_t channel_count(int64_t tile) const {
        const int64_t left = group_channels() - tile % group_tiles() * lanes;
        return left < lanes ? left : lanes;
    }

    // States at the start of block 1, 2, ...: [B, tiles, blocks - 1, N, 16].
    int64_t border_size() const { return shape.states * lanes; }
    int64_t border_offset(int64_t image, int64_t tile, int64_t block) const {
        return ((image * tiles() + tile) * (blocks() - 1) + block - 1) * border_size();
    }

    // Gradients of a tile's weights for one image, lanes innermost: A [N], skip, delta_bias.
    int64_t weight_gradient_size() const { return (shape.states + 2) * lanes; }
};

}  // namespace vmk

/// Scans one image's channels of one tile.
VMK_KERNEL(void, selective_scan_forward, const vmk::SelectiveScan &scan, int64_t image, int64_t tile, float *y, float *borders, float *last)

/// The gradients of one image's tiles first_tile..<end_tile, which are of one group. dB and dC [N,
/// L] get the tiles' sums; weight_gradients is [tiles, weight_gradient_size], the image's.
VMK_KERNEL(
    void, selective_scan_backward, const vmk::SelectiveScan &scan, int64_t image, int64_t first_tile, int64_t end_tile,
    const float *borders, const float *dy, float *du, float *ddelta, float *dB, float *dC, float *weight_gradients)
