// SS2D between the depthwise convolution and the output's norm, without the projection of x.
//
// Sixteen channels fill a vector, a channel's states are a loop over registers, and the B and C
// that all channels share are broadcast from memory. A direction is an order of visiting tokens:
// nothing is unfolded. Tokens go in blocks of 64. For a block, B, C and delta are packed side by
// side; then, for each vector of channels, the steps are computed and scanned while they are in L1.
// Forward leaves the state at the start of each block, as much memory as one activation; backward
// starts from it and recomputes the block.
#pragma once

#include <cstdint>

#include "dispatch.h"
#include "include/CKernels.h"

namespace vmk {

constexpr int64_t ss2d_block = 64;  // tokens
// Channels that are divided and prepared together, whatever a vector's width.
constexpr int64_t ss2d_lanes = 16;

/// One call's inputs, and sizes derived from its shape.
struct SS2D {
    int64_t batch, height, width, channels, states, rank;
    vmk_type x_type;
    const void *x;
    int64_t x_stride;
    const float *projection, *dt_weight, *dt_bias, *A_logs, *Ds;

    int64_t tokens() const { return height * width; }
    int64_t blocks() const { return (tokens() + ss2d_block - 1) / ss2d_block; }
    // Groups of sixteen channels; the last may be padded.
    int64_t groups() const { return (channels + ss2d_lanes - 1) / ss2d_lanes; }
    // Padded states have A = B = C = 0 and stay 0.
    int64_t padded_states() const { return (states + 3) / 4 * 4; }
    // The row length of delta's gradient.
    int64_t padded_rank() const { return (rank + 15) / 16 * 16; }
    int64_t projection_width() const { return rank + 2 * states; }

    // Weights of sixteen channels of one direction, lanes innermost: A log2(e) [padded N],
    // dt_weight [R], dt_bias, Ds. Padded channels are zero.
    const float *prepared;
    int64_t prepared_rows() const { return padded_states() + rank + 2; }
    int64_t prepared_size() const { return prepared_rows() * ss2d_lanes; }
    const float *prepared_for(int64_t direction, int64_t group) const {
        return prepared + (direction * groups() + group) * prepared_size();
    }

    // Delta, B and C of one image's blocks as pack() leaves them: [4, blocks, packed_size]. NULL if
    // every task packs for itself.
    float *packed;
    // Delta comes last and is copied by whole vectors: some numbers behind it belong to it.
    int64_t packed_size() const { return ss2d_block * (rank + 2 * padded_states()) + ss2d_lanes; }
    float *packed_for(int64_t direction, int64_t block) const { return packed + (direction * blocks() + block) * packed_size(); }

    // States at the start of block 1, 2, ...: [B, 4, blocks - 1, padded N, groups * 16].
    int64_t border_size() const { return padded_states() * groups() * ss2d_lanes; }
    int64_t border_offset(int64_t image, int64_t direction, int64_t block) const {
        return ((image * 4 + direction) * (blocks() - 1) + block - 1) * border_size();
    }

    // Gradients of the weights of sixteen channels of one direction and image, lanes innermost: A
    // [padded N], dt_weight [R], dt_bias, Ds.
    int64_t weight_gradient_size() const { return prepared_size(); }
};

}  // namespace vmk

/// Writes SS2D::prepared for one direction and group.
VMK_KERNEL(void, ss2d_prepare, const vmk::SS2D &ss2d, int64_t direction, int64_t group, float *prepared)

/// Packs one block of an image for all tasks.
VMK_KERNEL(void, ss2d_pack, const vmk::SS2D &ss2d, int64_t image, int64_t direction, int64_t block)

/// Scans one image in directions first_direction..<end_direction, channels of groups
/// first_group..<end_group. The first direction overwrites y, the others add to it.
VMK_KERNEL(
    void, ss2d_forward, const vmk::SS2D &ss2d, int64_t image, int64_t first_direction, int64_t end_direction, int64_t first_group,
    int64_t end_group, float *y, float *borders)

/// The gradients of that part. dprojection [B, H, W, 4 (R + 2 N)] gets the groups' sums;
/// weight_gradients is [4, groups, weight_gradient_size].
VMK_KERNEL(
    void, ss2d_backward, const vmk::SS2D &ss2d, int64_t image, int64_t first_direction, int64_t end_direction, int64_t first_group,
    int64_t end_group, const float *borders, const float *dy, float *dx, float *dprojection, float *weight_gradients)
