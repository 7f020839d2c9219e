// LayerNorm on CUDA tensors, alone, with the gate, with patch merging and with patch expanding.
#pragma once
#include "../../libtorch.h"

namespace ctorch::cuda {

enum class NormKind { plain, gated, merged, expanded };

/// One norm's tensors. x is float32 in rows with one stride between them, or, merged and expanded, contiguous; expanded, it has the products' type.
struct Norm {
    NormKind kind;
    at::Tensor x, weight, bias;
    at::Tensor gate;        // where gated; the products' type
    at::Tensor mean, rstd;  // [rows] each, written by forward and read by backward; undefined where none follows, and where expanded
    int64_t scale = 1;      // where expanded
};
struct NormGradients {
    at::Tensor x, weight, bias, gate;
};

/// Whether the kernels take such a norm: `type` is that of the products.
bool has_norm(const at::Tensor &x, const at::Tensor &weight, at::ScalarType type);
/// Writes `y`, which has the result's shape and type.
void norm_forward(const Norm &norm, const at::Tensor &y);
NormGradients norm_backward(const Norm &norm, const at::Tensor &dy);

}  // namespace ctorch::cuda
