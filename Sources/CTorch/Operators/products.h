// The matrix products of the network, at the speed of oneDNN where libtorch has it: MKL, which at::linear would take, reaches less than half of
// that on AMD processors in float32.
#pragma once
#include "../libtorch.h"

#include <optional>

namespace ctorch {

/// x·Wᵀ (+ bias) (+ addend): x [.., K], weight [N, K], addend [.., N] → [.., N]. Not differentiable.
at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias = std::nullopt,
                   const std::optional<at::Tensor> &addend = std::nullopt);

/// dyᵀ·x, the gradient of a Linear's weight: dy [.., N], x [.., K] → [N, K], float32. Not differentiable.
at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x);

}  // namespace ctorch
