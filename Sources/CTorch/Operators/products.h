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

/// x·Wᵀ (+ bias) (+ addend): x [.., K], weight [N, K], addend [.., N] float32 → [.., N] of `type`, x's own where none is given. Not differentiable.
/// The prepared form of a constant weight is kept until the weight changes.
at::Tensor product(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias = std::nullopt,
    const std::optional<at::Tensor> &addend = std::nullopt, std::optional<at::ScalarType> type = std::nullopt,
    Weight use = Weight::constant);

/// dyᵀ·x, the gradient of a Linear's weight: dy [.., N], x [.., K] → [N, K], float32. Not differentiable.
at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x);

}  // namespace ctorch
