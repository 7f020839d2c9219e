// LayerNorm on CUDA tensors: alone, with the gate, with patch merging, with patch expanding.
#pragma once
#include "../../libtorch.h"

namespace ctorch::cuda {

enum class NormKind { plain, gated, merged, expanded };

/// A norm's tensors. x is float32 in rows with one stride; merged, contiguous; expanded, contiguous
/// and of the products' type.
struct Norm {
    NormKind kind;
    at::Tensor x, weight, bias;
    at::Tensor gate;  // if gated; of the products' type
    // [rows] each: forward writes them for backward. Undefined if none follows, and if expanded.
    at::Tensor mean, rstd;
    int64_t scale = 1;  // if expanded
};
struct NormGradients {
    at::Tensor x, weight, bias, gate;
};

/// Whether the kernels take this norm, with products of `type`.
bool has_norm(const at::Tensor &x, const at::Tensor &weight, at::ScalarType type);
/// Writes `y`, which has the result's shape and type.
void norm_forward(const Norm &norm, const at::Tensor &y);
NormGradients norm_backward(const Norm &norm, const at::Tensor &dy);

}  // namespace ctorch::cuda
