#include "sum.h"

#include "../../Operators/kernels.h"
#include "../launch.h"

namespace ctorch::cuda {

at::Tensor sum_of_parts(const at::Tensor &parts, const at::Tensor &addend, at::ScalarType type) {
    const c10::DeviceGuard guard(parts.device());
    const auto shape = parts.sizes().slice(1);
    TORCH_CHECK(
        is_input(type) && parts.is_contiguous() && parts.numel() > 0, "a sum of parts: expected contiguous parts, got strides ",
        parts.strides());
    TORCH_CHECK(
        !addend.defined() ||
            (addend.device() == parts.device() && addend.scalar_type() == type && addend.is_contiguous() && addend.sizes() == shape),
        "a sum of parts: expected a contiguous addend of shape ", shape, " and type ", type);
    const at::Tensor sum = at::empty(shape, parts.options().dtype(type));
    SumArguments a{};
    a.count = sum.numel(), a.number = static_cast<int>(parts.size(0));
    a.parts = floats(parts), a.addend = addend.defined() ? addend.const_data_ptr() : nullptr, a.sum = sum.mutable_data_ptr();
    constexpr int four = 4;
    const bool vectors = takes_vectors(parts, a.count, four) && takes_vectors(sum, a.count, four) &&
        (!addend.defined() || takes_vectors(addend, a.count, four));
    const ArrayPlan plan{vectors ? four : 1};
    TORCH_CHECK(plan.fits(a.count), "a sum of parts: ", a.count, " numbers are too many for one call");
    plan.launch("sum_of_parts", a, Kernels::of(parts.device().index(), sum_program(plan.vector, input_of(type))).launcher());
    return sum;
}

}  // namespace ctorch::cuda
