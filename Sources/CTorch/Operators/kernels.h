// Checks and converts tensors for the kernels, which take plain pointers.
#pragma once
#include "operators.h"

#include "CKernels.h"

#include <atomic>

namespace ctorch {

/// Off, every operator is composed of libtorch's own, for comparisons (ct_set_use_kernels).
inline std::atomic<bool> use_kernels{true};

constexpr float norm_epsilon = 1e-5f;  // of every LayerNorm

/// True if the CPU kernels take this tensor.
inline bool has_kernels(const at::Tensor &x) {
    return use_kernels && x.is_cpu() && x.numel() > 0 && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

inline vmk_type type_of(at::ScalarType type) { return type == at::kBFloat16 ? VMK_BFLOAT16 : VMK_FLOAT32; }
inline vmk_type type_of(const at::Tensor &x) { return type_of(x.scalar_type()); }

// Not const_data_ptr<float>(): in libtorch 2.11 it is a template whose exported name differs
// between clang and the gcc that built libtorch.
inline const float *floats(const at::Tensor &x) {
    TORCH_CHECK(x.scalar_type() == at::kFloat, "expected float32, got ", x.scalar_type());
    return static_cast<const float *>(x.const_data_ptr());
}
inline float *mutable_floats(const at::Tensor &x) {
    TORCH_CHECK(x.scalar_type() == at::kFloat, "expected float32, got ", x.scalar_type());
    return static_cast<float *>(x.mutable_data_ptr());
}
inline const float *floats(const std::optional<at::Tensor> &x) { return x && x->defined() ? floats(*x) : nullptr; }

inline at::Tensor float32(const at::Tensor &x) { return x.to(at::kFloat).contiguous(); }

/// True if x is rows: contiguous channels and one stride between all tokens, like a contiguous map
/// or half of one. Axes of size one have any stride.
inline bool is_rows(const at::Tensor &x) {
    if (x.size(-1) > 1 && x.stride(-1) != 1) return false;
    int64_t expected = -1;  // of the next axis outwards; unknown yet
    for (int64_t axis = x.dim() - 2; axis >= 0; axis--) {
        if (x.size(axis) == 1) continue;
        if (expected >= 0 && x.stride(axis) != expected) return false;
        expected = x.stride(axis) * x.size(axis);
    }
    return true;
}
inline at::Tensor as_rows(const at::Tensor &x) { return is_rows(x) ? x : x.contiguous(); }
/// Elements between two tokens.
inline int64_t row_stride(const at::Tensor &x) {
    for (int64_t axis = x.dim() - 2; axis >= 0; axis--)
        if (x.size(axis) > 1) return x.stride(axis);
    return x.size(-1);
}
inline int64_t row_count(const at::Tensor &x) { return x.numel() / x.size(-1); }

/// The kernels check nothing, so every operator checks first.
inline void expect_map(const char *name, const at::Tensor &x) {
    TORCH_CHECK(x.dim() == 4, name, ": expected a map of four axes, got shape ", x.sizes());
}
inline void expect_size(const char *name, const char *what, const at::Tensor &x, int64_t expected) {
    TORCH_CHECK(x.numel() == expected, name, ": expected ", what, " of ", expected, " values, got shape ", x.sizes());
}

inline void expect_shape(const char *name, const char *what, const at::Tensor &x, at::IntArrayRef expected) {
    TORCH_CHECK(x.sizes() == expected, name, ": expected ", what, " ", expected, ", got ", x.sizes());
}
/// The kernels give first derivatives; without this, those would pass for constants in a second
/// backward pass.
inline void expect_first_derivatives(const char *name) {
    TORCH_CHECK(!at::GradMode::is_enabled(), name, ": second derivatives (create_graph=True) are not computed here");
}

/// A tensor of `like`'s shape, with contiguous rows.
inline at::Tensor empty_rows(const at::Tensor &like, at::ScalarType type) { return at::empty(like.sizes(), like.options().dtype(type)); }

}  // namespace ctorch
