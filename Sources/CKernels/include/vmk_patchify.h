// The rows of the patch embedding's 4x4 convolution, stride 4.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

typedef struct {
    int64_t batch, image_channels, channels, height, width;
    const float *image;  // [B, image_channels, H, W]; image_channels is C, or 1, which is repeated
} vmk_patchify;

/// patches [B, H / 4, W / 4, 16 C] in the order (channel, row, column) of the convolution's weight.
/// H and W are multiples of 4.
void vmk_patchify_forward(const vmk_patchify *inputs, vmk_type patches_type, void *patches);

VMK_END
