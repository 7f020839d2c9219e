// Adds the parts that several blocks left of an array, on CUDA tensors.
#pragma once
#include "../../libtorch.h"

namespace ctorch::cuda {

/// Sums parts [n, ..], float32, over the first axis in order, plus `addend` [..] if defined. The
/// result [..] is of `type`, as is the addend.
at::Tensor sum_of_parts(const at::Tensor &parts, const at::Tensor &addend, at::ScalarType type);

}  // namespace ctorch::cuda
