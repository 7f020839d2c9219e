// The matrix products of the network, by this package's kernels where they are the faster ones.
#pragma once
#include "../libtorch.h"

#include <optional>
#include <vector>

namespace ctorch {

/// Whether a weight stays as it is between products (inference) or changes after every use (training).
enum class Weight { constant, changing };

/// How inference uses a weight. One that an optimiser may move between two passes is never kept: libtorch's fused steps do not count a
/// tensor's versions, so nothing would tell that it was moved.
inline Weight use_of(const at::Tensor &weight) { return weight.requires_grad() ? Weight::changing : Weight::constant; }

/// While one lives, this thread's products are being recorded. The prepared weights that they read are put into `used`, for the recording
/// to own: they may be dropped here before it is played. None is newly kept: its values would be there only once the recording has been
/// played.
class RecordingProducts {
public:
    explicit RecordingProducts(std::vector<at::Tensor> &used);
    ~RecordingProducts();
    RecordingProducts(const RecordingProducts &) = delete;
    RecordingProducts &operator=(const RecordingProducts &) = delete;

private:
    std::vector<at::Tensor> *before_;
};

/// What a product adds, its result's type, and how long its weight stays as it is.
struct ProductOptions {
    Weight use;
    std::optional<at::ScalarType> type;  // x's own, or float32 with an addend, unless said
    std::optional<at::Tensor> bias;      // [N]
    std::optional<at::Tensor> addend;    // [.., N], float32

    explicit ProductOptions(Weight use) : use(use) {}
    ProductOptions &with_type(at::ScalarType value) { return type = value, *this; }
    ProductOptions &with_bias(const std::optional<at::Tensor> &value) { return bias = value, *this; }
    ProductOptions &with_addend(const std::optional<at::Tensor> &value) { return addend = value, *this; }
};

/// x·Wᵀ (+ bias) (+ addend): x [.., K], weight [N, K] → [.., N]. Not differentiable. The prepared form of a constant weight is kept
/// until the weight changes.
at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const ProductOptions &options);

/// dyᵀ·x, the gradient of a Linear's weight: dy [.., N], x [.., K] → [N, K], float32. Not differentiable.
at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x);

}  // namespace ctorch
