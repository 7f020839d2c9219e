#include "products.h"

#include "kernels.h"

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace ctorch {

namespace {

/// Prepares a weight for `vmk_linear_forward`, for one direction, element type and instruction set;
/// in `room` if that is large enough.
at::Tensor packed(const float *weight, int64_t columns, int64_t depth, bool transposed, vmk_type type, at::Tensor room = {}) {
    const auto bytes = vmk_packed_bytes(columns, depth);
    if (!room.defined() || room.numel() < bytes) room = at::empty({bytes}, at::kByte);
    vmk_pack_weight(columns, depth, transposed, type, weight, room.mutable_data_ptr());
    return room;
}

/// The weights that RecordingProducts collects; NULL while this thread records nothing.
thread_local std::vector<at::Tensor> *used_in_recording = nullptr;

/// Training uses a weight once between two changes: it is prepared for one product, always in the
/// same memory.
const at::Tensor &packed_for_once(const float *weight, int64_t columns, int64_t depth, bool transposed, vmk_type type) {
    static thread_local at::Tensor room;
    room = packed(weight, columns, depth, transposed, type, room);
    return room;
}

/// Inference's prepared weights: preparing reads and writes every weight, which at one picture
/// would cost a fifth of the forward pass. An entry holds its weight weakly and notes its version;
/// a changed or freed weight is never served.
class PreparedWeights {
public:
    at::Tensor get(const at::Tensor &weight, int64_t columns, int64_t depth, bool transposed, vmk_type type) {
        return made(
            weight,
            {weight.storage().unsafeGetStorageImpl(), weight.storage_offset(), columns, depth, transposed, type, vmk_instruction_set()},
            [&] { return packed(floats(weight), columns, depth, transposed, type); });
    }

    /// A contiguous weight in another element type, for libtorch's products: on a GPU this saves a
    /// launch for each, and reading the weight again.
    at::Tensor converted(const at::Tensor &weight, at::ScalarType type) {
        return made(
            weight,
            {weight.storage().unsafeGetStorageImpl(), weight.storage_offset(), weight.size(0), weight.size(1), true, VMK_FLOAT32,
             c10::toString(type)},
            [&] { return weight.to(type); });
    }

    static PreparedWeights &shared() {
        static auto *weights = new PreparedWeights;  // never destroyed: tensors may outlive static destructors
        return *weights;
    }

private:
    using Key = std::tuple<const void *, int64_t, int64_t, int64_t, bool, vmk_type, std::string>;
    struct Entry {
        c10::weak_intrusive_ptr<c10::StorageImpl> storage;
        uint64_t version;
        at::Tensor bytes;
    };

    template <class Make> at::Tensor made(const at::Tensor &weight, const Key &key, Make &&make) {
        const auto version = static_cast<uint64_t>(weight._version());
        std::lock_guard lock(mutex_);
        const auto found = entries_.find(key);
        if (found != entries_.end() && found->second.version == version && !found->second.storage.expired()) {
            if (used_in_recording) used_in_recording->push_back(found->second.bytes);
            return found->second.bytes;
        }
        if (used_in_recording) return make();
        for (auto entry = entries_.begin(); entry != entries_.end();) {
            entry = entry->second.storage.expired() ? entries_.erase(entry) : std::next(entry);
        }
        at::Tensor bytes = make();
        entries_.insert_or_assign(key, Entry{weight.storage().getWeakStorageImpl(), version, bytes});
        return bytes;
    }

    std::mutex mutex_;
    std::map<Key, Entry> entries_;
};

/// The layout of a weight [N, K] in memory: row after row, column after column (a contiguous
/// matrix's transpose), or otherwise.
enum class Layout { rows, columns, other };

Layout layout_of(const at::Tensor &weight) {
    const auto N = weight.size(0), K = weight.size(1);
    if (weight.scalar_type() != at::kFloat || !weight.is_cpu()) return Layout::other;
    if (weight.stride(1) == 1 && weight.stride(0) == K) return Layout::rows;
    return weight.stride(0) == 1 && weight.stride(1) == N ? Layout::columns : Layout::other;
}

/// True if the vector kernels run. They beat oneDNN on all shapes of the network: by 2 to 15 % in
/// float32 at one picture, and by more where oneDNN must reorder the weight first. On Arm, the
/// portable kernel does not beat libtorch's product.
bool has_fast_products() { return std::string_view(vmk_instruction_set()) != "portable"; }

/// A GPU multiplies 16-bit numbers and sums in float32; libtorch returns the sums unrounded if
/// asked, without another pass.
bool is_narrow_on_gpu(const at::Tensor &x) { return x.is_cuda() && (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf); }

}  // namespace

RecordingProducts::RecordingProducts(std::vector<at::Tensor> &used) : before_(std::exchange(used_in_recording, &used)) {}
RecordingProducts::~RecordingProducts() { used_in_recording = before_; }

namespace {

/// libtorch's product.
at::Tensor general_product(const at::Tensor &x, const at::Tensor &weight, at::ScalarType type, const ProductOptions &options) {
    const auto &[use, given, bias, addend] = options;
    const bool keeps = use == Weight::constant && use_kernels && weight.scalar_type() != x.scalar_type() && weight.is_contiguous();
    const at::Tensor matrix = keeps ? PreparedWeights::shared().converted(weight, x.scalar_type()) : weight.to(x.scalar_type());
    if (type == at::kFloat && !bias && !addend && is_narrow_on_gpu(x)) {
        auto shape = x.sizes().vec();
        shape.back() = weight.size(0);
        return at::mm(x.reshape({-1, x.size(-1)}), matrix.t(), at::kFloat).view(shape);
    }
    at::Tensor y = at::linear(x, matrix, bias ? std::optional(bias->to(x.scalar_type())) : std::nullopt);
    return (addend ? *addend + y : y).to(type);
}

/// The kernel's product.
at::Tensor packed_product(
    const at::Tensor &x, const at::Tensor &weight, Layout layout, at::ScalarType type, const ProductOptions &options) {
    const auto N = weight.size(0), K = weight.size(1);
    const bool transposed = layout == Layout::rows;
    auto shape = x.sizes().vec();
    shape.back() = N;
    const auto &addend = options.addend;
    if (addend)
        TORCH_CHECK(addend->sizes() == at::IntArrayRef(shape), "linear: expected an addend of shape ", shape, ", got ", addend->sizes());
    const at::Tensor rows = as_rows(x);
    const at::Tensor bytes = options.use == Weight::changing ? packed_for_once(floats(weight), N, K, transposed, type_of(x))
                                                             : PreparedWeights::shared().get(weight, N, K, transposed, type_of(x));
    const at::Tensor sum = addend ? float32(*addend) : at::Tensor();
    at::Tensor y = at::empty(shape, x.options().dtype(type));
    vmk_linear linear{};
    linear.rows = row_count(rows), linear.columns = N, linear.depth = K;
    linear.x_type = type_of(rows), linear.x = rows.const_data_ptr(), linear.x_stride = row_stride(rows);
    linear.packed = bytes.const_data_ptr(), linear.residual = sum.defined() ? floats(sum) : nullptr;
    linear.y_type = type_of(type), linear.y = y.mutable_data_ptr();
    vmk_linear_forward(&linear);
    return options.bias ? y.add_(*options.bias) : y;
}

}  // namespace

at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const ProductOptions &options) {
    TORCH_CHECK(
        weight.dim() == 2 && x.dim() >= 1 && x.size(-1) == weight.size(1), "linear: expected [.., K] and [N, K], got ", x.sizes(), " and ",
        weight.sizes());
    const auto type = options.type.value_or(options.addend ? at::kFloat : x.scalar_type());
    const Layout layout = has_kernels(x) && x.dim() >= 2 && has_fast_products() ? layout_of(weight) : Layout::other;
    return layout == Layout::other ? general_product(x, weight, type, options) : packed_product(x, weight, layout, type, options);
}

at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x) {
    if (has_kernels(dy) && has_kernels(x)) {
        // Many rows, small result: oneDNN, which transposes both operands, does 60 to 300 GFLOP/s;
        // the kernel is as fast as forward.
        const at::Tensor rows = as_rows(dy), inputs = as_rows(x);
        at::Tensor dw = at::empty({dy.size(-1), x.size(-1)}, dy.options().dtype(at::kFloat));
        const vmk_linear_weight product{row_count(rows),       dy.size(-1),      x.size(-1),      type_of(rows),
                                        rows.const_data_ptr(), row_stride(rows), type_of(inputs), inputs.const_data_ptr(),
                                        row_stride(inputs)};
        vmk_linear_weight_gradient(&product, mutable_floats(dw));
        return dw;
    }
    const at::Tensor rows = dy.reshape({-1, dy.size(-1)}), inputs = x.reshape({-1, x.size(-1)});
    if (is_narrow_on_gpu(rows) && rows.scalar_type() == inputs.scalar_type()) return at::mm(rows.t(), inputs, at::kFloat);
    return at::mm(rows.t().to(at::kFloat), inputs.to(at::kFloat));
}

}  // namespace ctorch
