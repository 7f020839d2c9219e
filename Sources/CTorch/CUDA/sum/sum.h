// Sums of what several blocks have left of one array, on CUDA tensors.
#pragma once
#include "../../libtorch.h"

namespace ctorch::cuda {

/// parts [n, ..] float32, summed over the first axis in its order, plus `addend` [..] where it is defined: [..] of `type`, which is the addend's too.
at::Tensor sum_of_parts(const at::Tensor &parts, const at::Tensor &addend, at::ScalarType type);

}  // namespace ctorch::cuda
