// The network's matrix products, on this package's kernels where those are faster.
#pragma once
#include "../libtorch.h"

#include <optional>
#include <vector>

namespace ctorch {

/// The lifetime of a weight: constant between products (inference) or changed after each
/// (training).
enum class Weight { constant, changing };

/// The use of a weight in inference. One that an optimiser may change is never kept: libtorch's
/// fused steps do not count a tensor's versions, so the change would go unnoticed.
inline Weight use_of(const at::Tensor &weight) { return weight.requires_grad() ? Weight::changing : Weight::constant; }

/// While one lives, this thread's products are being recorded. The prepared weights that they read
/// go into `used`, so that the recording owns them: this cache may drop them before it is replayed.
/// No new one is kept: it has no values until the replay.
class RecordingProducts {
public:
    explicit RecordingProducts(std::vector<at::Tensor> &used);
    ~RecordingProducts();
    RecordingProducts(const RecordingProducts &) = delete;
    RecordingProducts &operator=(const RecordingProducts &) = delete;

private:
    std::vector<at::Tensor> *before_;
};

/// A product's addends, its result's type, and the treatment of its weight.
struct ProductOptions {
    Weight use;
    // If unset: x's type, or float32 with an addend.
    std::optional<at::ScalarType> type;
    std::optional<at::Tensor> bias;    // [N]
    std::optional<at::Tensor> addend;  // [.., N], float32

    explicit ProductOptions(Weight use) : use(use) {}
    ProductOptions &with_type(at::ScalarType value) { return type = value, *this; }
    ProductOptions &with_bias(const std::optional<at::Tensor> &value) { return bias = value, *this; }
    ProductOptions &with_addend(const std::optional<at::Tensor> &value) { return addend = value, *this; }
};

/// x·Wᵀ (+ bias) (+ addend): x [.., K], weight [N, K] → [.., N]. Not differentiable. Keeps a
/// constant weight's prepared form until the weight changes.
at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const ProductOptions &options);

/// dyᵀ·x, the gradient of a Linear's weight: dy [.., N], x [.., K] → [N, K], float32. Not
/// differentiable.
at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x);

}  // namespace ctorch
