// The network's operators with kernels of our own, as register.cpp registers them. Shapes stand beside their schemas there.
#pragma once
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <tuple>

namespace ctorch {

at::Tensor linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &residual);
std::tuple<at::Tensor, at::Tensor> linear_halves(const at::Tensor &x, const at::Tensor &weight);

}  // namespace ctorch
