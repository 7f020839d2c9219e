// Runs the CUDA kernels of the norms, the depthwise convolution, residuals and sums on the CPU
// (cuda_emulation.h), launched as on a GPU (their plans), for one case of a file. ELEMENTS_TEXT,
// NORM_TEXT, DEPTHWISE_TEXT, RESIDUAL_TEXT and SUM_TEXT are the kernels' files without the first
// and last line of their raw strings.
//
//   emulate_rows IN OUT
//
// IN: eight int64, then arrays of float32, each after its size as an int64. The int64 are:
// - operator: 0 layer_norm, 1 norm_gate, 2 merge_norm, 3 expand_norm, 4 depthwise, 5 add_branch
//   (branch in "gate", scale in "weight"), 6 sum of "scale" parts with "gate" as addend
// - type: 0 float32, 1 bfloat16, 2 float16
// - multiprocessors
// - gap between rows of x, or of the gate if there is one
// - H, W and C of x's map (B follows from x's size), and scale
// The arrays are x, gate, weight, bias and dy. OUT has y, dx, dgate, dweight and dbias likewise,
// and an array with 1 if another order of threads gives the same bits.
#include "cuda_emulation.h"

#include <cstdint>
#include <string>

#include "../../Sources/CTorch/CUDA/array_plan.h"
#include "../../Sources/CTorch/CUDA/depthwise/plan.h"
#include "../../Sources/CTorch/CUDA/norm/plan.h"

using ctorch::cuda::ArrayPlan;
using ctorch::cuda::DepthwiseArguments;
using ctorch::cuda::DepthwisePlan;
using ctorch::cuda::Grid;
using ctorch::cuda::NormArguments;
using ctorch::cuda::NormPlan;
using ctorch::cuda::ResidualArguments;
using ctorch::cuda::SumArguments;

namespace {

struct NormVariant {
    int lanes, groups, vector, input;
    void (*forward[4])(NormArguments), (*backward[4])(NormArguments);
};
std::vector<NormVariant> norm_variants;
struct ResidualVariant {
    int vector, input;
    void (*forward)(ResidualArguments), (*backward)(ResidualArguments), (*sum)(SumArguments);
};
struct DepthwiseVariant {
    int vector, input;
    void (*forward)(DepthwiseArguments), (*backward)(DepthwiseArguments);
};

}  // namespace

#define LANES 8
#define GROUPS 1
#define VECTOR 1
#include "rows_variant.h"
#define LANES 8
#define GROUPS 5
#define VECTOR 1
#include "rows_variant.h"
#define LANES 32
#define GROUPS 1
#define VECTOR 1
#include "rows_variant.h"
#define LANES 8
#define GROUPS 1
#define VECTOR 4
#include "rows_variant.h"
#define LANES 8
#define GROUPS 3
#define VECTOR 4
#include "rows_variant.h"
#define LANES 16
#define GROUPS 3
#define VECTOR 4
#include "rows_variant.h"
#define LANES 32
#define GROUPS 3
#define VECTOR 4
#include "rows_variant.h"
#define LANES 128
#define GROUPS 3
#define VECTOR 4
#include "rows_variant.h"

#define DEPTHWISE(vector, input) depthwise_##vector##_##input
#define VECTOR 1
#define INPUT 0
namespace DEPTHWISE(1, 0) {
#include ELEMENTS_TEXT
#include DEPTHWISE_TEXT
}  // namespace DEPTHWISE(1,0)
#undef INPUT
#define INPUT 1
namespace DEPTHWISE(1, 1) {
#include ELEMENTS_TEXT
#include DEPTHWISE_TEXT
}  // namespace DEPTHWISE(1,1)
#undef INPUT
#define INPUT 2
namespace DEPTHWISE(1, 2) {
#include ELEMENTS_TEXT
#include DEPTHWISE_TEXT
}  // namespace DEPTHWISE(1,2)
#undef INPUT
#undef VECTOR
#define VECTOR 2
#define INPUT 0
namespace DEPTHWISE(2, 0) {
#include ELEMENTS_TEXT
#include DEPTHWISE_TEXT
}  // namespace DEPTHWISE(2,0)
#undef INPUT
#define INPUT 1
namespace DEPTHWISE(2, 1) {
#include ELEMENTS_TEXT
#include DEPTHWISE_TEXT
}  // namespace DEPTHWISE(2,1)
#undef INPUT
#define INPUT 2
namespace DEPTHWISE(2, 2) {
#include ELEMENTS_TEXT
#include DEPTHWISE_TEXT
}  // namespace DEPTHWISE(2,2)
#undef INPUT
#undef VECTOR

#define RESIDUAL(vector, input) residual_##vector##_##input
#define VECTOR 1
#define INPUT 0
namespace RESIDUAL(1, 0) {
#include ELEMENTS_TEXT
#include RESIDUAL_TEXT
#include SUM_TEXT
}  // namespace RESIDUAL(1,0)
#undef INPUT
#define INPUT 1
namespace RESIDUAL(1, 1) {
#include ELEMENTS_TEXT
#include RESIDUAL_TEXT
#include SUM_TEXT
}  // namespace RESIDUAL(1,1)
#undef INPUT
#define INPUT 2
namespace RESIDUAL(1, 2) {
#include ELEMENTS_TEXT
#include RESIDUAL_TEXT
#include SUM_TEXT
}  // namespace RESIDUAL(1,2)
#undef INPUT
#undef VECTOR
#define VECTOR 4
#define INPUT 0
namespace RESIDUAL(4, 0) {
#include ELEMENTS_TEXT
#include RESIDUAL_TEXT
#include SUM_TEXT
}  // namespace RESIDUAL(4,0)
#undef INPUT
#define INPUT 1
namespace RESIDUAL(4, 1) {
#include ELEMENTS_TEXT
#include RESIDUAL_TEXT
#include SUM_TEXT
}  // namespace RESIDUAL(4,1)
#undef INPUT
#define INPUT 2
namespace RESIDUAL(4, 2) {
#include ELEMENTS_TEXT
#include RESIDUAL_TEXT
#include SUM_TEXT
}  // namespace RESIDUAL(4,2)
#undef INPUT
#undef VECTOR

namespace {
#define VARIANT(vector, input)                                                                                \
    ResidualVariant {                                                                                         \
        vector, input, RESIDUAL(vector, input)::residual_forward, RESIDUAL(vector, input)::residual_backward, \
            RESIDUAL(vector, input)::sum_of_parts                                                             \
    }
const ResidualVariant residual_variants[] = {VARIANT(1, 0), VARIANT(1, 1), VARIANT(1, 2), VARIANT(4, 0), VARIANT(4, 1), VARIANT(4, 2)};
#undef VARIANT
}  // namespace

namespace {

#define VARIANT(vector, input) \
    DepthwiseVariant { vector, input, DEPTHWISE(vector, input)::depthwise_forward, DEPTHWISE(vector, input)::depthwise_backward }
const DepthwiseVariant depthwise_variants[] = {VARIANT(1, 0), VARIANT(1, 1), VARIANT(1, 2), VARIANT(2, 0), VARIANT(2, 1), VARIANT(2, 2)};

using Floats = std::vector<float>;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Rows of `width` numbers as a kernel sees them: in one type, with unset gaps between them.
struct Stored {
    int type;
    int64_t width, stride;
    std::vector<uint16_t> narrow;
    Floats wide;

    Stored(int type, size_t count, int64_t width, int64_t gap)
        : type(type), width(width), stride(width + gap), narrow(count / width * stride + 16, 0x7fff),
          wide(count / width * stride + 16, nan) {}
    Stored(int type, const Floats &from, int64_t width, int64_t gap = 0) : Stored(type, from.size(), width, gap) {
        for (size_t i = 0; i < from.size(); i++) {
            const size_t to = i / width * stride + i % width;
            if (type == 1) narrow[to] = float_to_bfloat16(from[i]);
            if (type == 2) narrow[to] = float_to_half(from[i]);
            wide[to] = from[i];
        }
    }
    void *data() { return type == 0 ? static_cast<void *>(wide.data()) : narrow.data(); }
    /// The numbers without the gaps, in float32.
    Floats floats(size_t count) const {
        Floats result(count);
        for (size_t i = 0; i < count; i++) {
            const size_t at = i / width * stride + i % width;
            result[i] = type == 0 ? wide[at] : type == 1 ? __uint_as_float(unsigned{narrow[at]} << 16) : half_to_float(narrow[at]);
        }
        return result;
    }
};

struct Case {
    int64_t op, type, multiprocessors, gap, H, W, C, scale;
    Floats x, gate, weight, bias, dy;
};
struct Result {
    Floats y, dx, dgate, dweight, dbias;
    std::vector<Floats *> parts() { return {&y, &dx, &dgate, &dweight, &dbias}; }
};

/// Sums `parts` consecutive arrays.
Floats sum(const Floats &of, size_t parts) {
    Floats total(of.size() / parts, 0);
    for (size_t i = 0; i < of.size(); i++) total[i % total.size()] += of[i];
    return total;
}

Result norm(const Case &c) {
    const char *names[] = {"layer_norm", "norm_gate", "merge_norm", "expand_norm"};
    const int type = static_cast<int>(c.type), x_type = c.op == 3 ? type : 0, y_type = c.op == 3 ? 0 : type;
    const int64_t width = c.weight.size(), rows = c.x.size() / width, segment = c.op == 2 ? c.C : width;
    const int vector = segment % 4 == 0 && c.gap % 4 == 0 ? 4 : 1;
    const NormPlan plan = NormPlan::make(rows, width, vector, static_cast<int>(c.multiprocessors));
    const NormVariant *variant = nullptr;
    for (const auto &v : norm_variants)
        if (v.lanes == plan.geometry.lanes && v.groups == plan.geometry.groups && v.vector == vector && v.input == type) variant = &v;
    if (!variant) {
        std::fprintf(stderr, "no kernels for %d lanes, %d groups of %d\n", plan.geometry.lanes, plan.geometry.groups, vector);
        std::exit(3);
    }
    Stored x(x_type, c.x, c.op < 2 ? width : c.C, c.op == 0 ? c.gap : 0), y(y_type, c.x.size(), width, 0), dx(x_type, c.x.size(), width, 0),
        z(type, c.gate, width, c.gap), dz(type, c.gate.size(), width, 0), dy(y_type, c.dy, width);
    Floats mean(rows, nan), rstd(rows, nan), parts(size_t{2} * plan.backward_blocks * width, nan);
    NormArguments a{};
    a.x_stride = x.stride, a.z_stride = z.stride, a.x = x.data(), a.z = z.data(), a.weight = c.weight.data(), a.bias = c.bias.data(),
    a.y = y.data();
    if (c.op != 3) a.mean = mean.data(), a.rstd = rstd.data();
    a.dy = dy.data(), a.dx = dx.data(), a.dz = dz.data(), a.parts = parts.data();
    a.rows = static_cast<int>(rows), a.width = static_cast<int>(width), a.columns = static_cast<int>(c.W),
    a.scale = static_cast<int>(c.scale), a.epsilon = 1e-5f;
    const std::string name = names[c.op];
    const auto launch = [&](const std::string &kernel, Grid grid, int threads, size_t shared, const NormArguments &arguments) {
        emulation::launch(kernel == name + "_forward" ? variant->forward[c.op] : variant->backward[c.op], grid, threads, shared, arguments);
    };
    plan.forward((name + "_forward").c_str(), a, launch);
    plan.backward((name + "_backward").c_str(), a, launch);
    const Floats sums = sum(parts, plan.backward_blocks);
    return {
        y.floats(c.x.size()), dx.floats(c.x.size()), dz.floats(c.gate.size()), Floats(sums.begin(), sums.begin() + width),
        Floats(sums.begin() + width, sums.end())};
}

Result depthwise(const Case &c) {
    const int type = static_cast<int>(c.type), multiprocessors = static_cast<int>(c.multiprocessors);
    const int64_t B = c.x.size() / (c.H * c.W * c.C);
    const int vector = c.C % 2 == 0 && c.gap % 2 == 0 ? 2 : 1;
    const DepthwiseVariant *variant = nullptr;
    for (const auto &v : depthwise_variants)
        if (v.vector == vector && v.input == type) variant = &v;
    if (!variant) std::exit(3);
    const auto forward = DepthwisePlan::make(B, c.H, c.W, c.C, vector, false, multiprocessors),
               backward = DepthwisePlan::make(B, c.H, c.W, c.C, vector, true, multiprocessors);
    Stored x(type, c.x, c.C, c.gap), y(type, c.x.size(), c.C, 0), dx(type, c.x.size(), c.C, 0), dy(type, c.dy, c.C);
    Floats dweight(backward.parts() * c.weight.size(), nan), dbias(backward.parts() * c.bias.size(), nan);
    DepthwiseArguments a{};
    a.x_stride = static_cast<int>(x.stride), a.x = x.data(), a.weight = c.weight.data(), a.bias = c.bias.data(), a.y = y.data(),
    a.dy = dy.data(), a.dx = dx.data();
    a.dweight = dweight.data(), a.dbias = dbias.data();
    a.height = static_cast<int>(c.H), a.width = static_cast<int>(c.W), a.channels = static_cast<int>(c.C);
    const auto launch = [&](const std::string &kernel, Grid grid, int threads, size_t shared, const DepthwiseArguments &arguments) {
        emulation::launch(kernel == "depthwise_forward" ? variant->forward : variant->backward, grid, threads, shared, arguments);
    };
    forward.forward(a, launch);
    backward.backward(a, launch);
    return {y.floats(c.x.size()), dx.floats(c.x.size()), {}, sum(dweight, backward.parts()), sum(dbias, backward.parts())};
}

Result residual(const Case &c) {
    const int type = static_cast<int>(c.type);
    const int64_t image = c.H * c.W * c.C;
    const ArrayPlan plan{image % 4 == 0 ? 4 : 1};
    const ResidualVariant *variant = nullptr;
    for (const auto &v : residual_variants)
        if (v.vector == plan.vector && v.input == type) variant = &v;
    if (!variant) std::exit(3);
    Stored x(0, c.x, image), branch(type, c.gate, image), y(0, c.x.size(), image, 0), dy(0, c.dy, image),
        dbranch(type, c.x.size(), image, 0);
    ResidualArguments a{};
    a.count = c.x.size(), a.image = image, a.x = x.wide.data(), a.branch = branch.data(),
    a.scale = c.weight.empty() ? nullptr : c.weight.data();
    a.y = y.wide.data(), a.dy = dy.wide.data(), a.dbranch = dbranch.data();
    const auto launch = [&](const std::string &kernel, Grid grid, int threads, size_t shared, const ResidualArguments &arguments) {
        emulation::launch(kernel == "residual_forward" ? variant->forward : variant->backward, grid, threads, shared, arguments);
    };
    plan.launch("residual_forward", a, launch);
    plan.launch("residual_backward", a, launch);
    return {y.floats(c.x.size()), c.dy, dbranch.floats(c.x.size()), {}, {}};
}

Result sum_of_parts(const Case &c) {
    const int type = static_cast<int>(c.type);
    const int64_t count = c.x.size() / c.scale;
    const ArrayPlan plan{count % 4 == 0 ? 4 : 1};
    const ResidualVariant *variant = nullptr;
    for (const auto &v : residual_variants)
        if (v.vector == plan.vector && v.input == type) variant = &v;
    if (!variant) std::exit(3);
    Stored addend(type, c.gate, count), total(type, count, count, 0);
    const SumArguments a{count, c.x.data(), c.gate.empty() ? nullptr : addend.data(), total.data(), static_cast<int>(c.scale)};
    plan.launch("sum_of_parts", a, [&](const std::string &, Grid grid, int threads, size_t shared, const SumArguments &arguments) {
        emulation::launch(variant->sum, grid, threads, shared, arguments);
    });
    return {total.floats(count), {}, {}, {}, {}};
}

bool read(FILE *file, Floats &to) {
    int64_t count = 0;
    if (std::fread(&count, 8, 1, file) != 1) return false;
    to.resize(count);
    return std::fread(to.data(), 4, count, file) == static_cast<size_t>(count);
}
void write(FILE *file, const Floats &from) {
    const int64_t count = from.size();
    std::fwrite(&count, 8, 1, file);
    std::fwrite(from.data(), 4, from.size(), file);
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 3) return 64;
    Case c{};
    FILE *file = std::fopen(arguments[1], "rb");
    if (!file || std::fread(&c, 8, 8, file) != 8) return 4;
    for (Floats *part : {&c.x, &c.gate, &c.weight, &c.bias, &c.dy})
        if (!read(file, *part)) return 4;
    std::fclose(file);
    const auto run = [&](bool descending) {
        emulation::descending = descending;
        return c.op == 6 ? sum_of_parts(c) : c.op == 5 ? residual(c) : c.op == 4 ? depthwise(c) : norm(c);
    };
    Result result = run(false), again = run(true);
    float same = 1;
    file = std::fopen(arguments[2], "wb");
    if (!file) return 4;
    for (size_t i = 0; i < 5; i++) {
        const Floats &one = *result.parts()[i], &other = *again.parts()[i];
        if (one.size() != other.size() || (!one.empty() && std::memcmp(one.data(), other.data(), one.size() * 4) != 0)) same = 0;
        write(file, one);
    }
    write(file, {same});
    return std::fclose(file) == 0 ? 0 : 4;
}
