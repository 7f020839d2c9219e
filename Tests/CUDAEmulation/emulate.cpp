// Runs SS2D's CUDA kernels on the CPU (cuda_emulation.h), launched as on a GPU (ss2d/plan.h), and
// compares them with CKernels' plain reference. TILE_TEXT, FORWARD_TEXT and BACKWARD_TEXT are the
// kernels' files without the first and last line of their raw strings.
//
//   emulate           runs every case, one line each: "name<TAB>largest error of y, relative<TAB>
//                     of the gradients<TAB>same bits in another order"
//   emulate IN OUT    runs one case from a file: int64 B H W D N R, then float32 x, projection,
//                     dt_weight, dt_bias, A_logs, Ds, dy; writes y and the gradients
#include "cuda_emulation.h"

#include <cstdint>
#include <random>
#include <string>

#include "../../Sources/CKernels/include/CKernels.h"
#include "../../Sources/CTorch/CUDA/ss2d/plan.h"

using ctorch::cuda::Plan;
using ctorch::cuda::SS2DArguments;

struct Variant {
    int states, per_thread, loaded, tile, vector, input;
    void (*chunk_states)(SS2DArguments), (*carry)(SS2DArguments), (*forward)(SS2DArguments), (*gradients)(SS2DArguments),
        (*backward)(SS2DArguments);
};
static std::vector<Variant> variants;

#define STATES 16
#include "ss2d_variant.h"
#define STATES 16
#define ROW_VECTOR 2
#include "ss2d_variant.h"
#define STATES 16
#define ROW_VECTOR 4
#include "ss2d_variant.h"
#define STATES 16
#define ROW_VECTOR 4
#define INPUT 1
#include "ss2d_variant.h"
#define STATES 16
#define ROW_VECTOR 4
#define INPUT 2
#include "ss2d_variant.h"
#define STATES 3
#include "ss2d_variant.h"
#define STATES 11
#include "ss2d_variant.h"
#define STATES 12
#define ROW_VECTOR 4
#include "ss2d_variant.h"
#define STATES 20
#define ROW_VECTOR 2
#include "ss2d_variant.h"
#define STATES 100
#define PER_THREAD 8
#define LOADED 16
#define TILE 4
#include "ss2d_variant.h"
#define STATES 145
#define PER_THREAD 16
#define LOADED 4
#define TILE 2
#include "ss2d_variant.h"
#define STATES 22
#include "ss2d_variant.h"
#define STATES 70
#define PER_THREAD 8
#define LOADED 16
#define TILE 4
#include "ss2d_variant.h"
#define STATES 250
#define PER_THREAD 16
#define LOADED 4
#define TILE 2
#include "ss2d_variant.h"

namespace {

const Variant &variant_of(int states, int rank, int input) {
    const auto g = ctorch::cuda::geometry_of(states);
    const int vector = ctorch::cuda::row_vector(g, rank);
    for (const auto &v : variants) {
        if (v.states != states || v.vector != vector || v.input != input) continue;
        if (g.per_thread != v.per_thread || g.loaded != v.loaded || g.tile != v.tile) break;
        return v;
    }
    std::fprintf(stderr, "no kernels for %d states, rank %d and input %d with ss2d/plan.h's geometry\n", states, rank, input);
    std::exit(3);
}

using Floats = std::vector<float>;
struct Case {
    int64_t B, H, W, D, N, R;
    Floats x, projection, dt_weight, dt_bias, A_logs, Ds, dy;
    int64_t L() const { return H * W; }
    int64_t row() const { return R + 2 * N; }
    std::vector<Floats *> parts() { return {&x, &projection, &dt_weight, &dt_bias, &A_logs, &Ds, &dy}; }
    void size() {
        const int64_t sizes[] = {B * L() * D, B * L() * 4 * row(), 4 * D * R, 4 * D, 4 * D * N, 4 * D, B * L() * D};
        for (int i = 0; i < 7; i++) parts()[i]->resize(sizes[i]);
    }
};
struct Result {
    Floats y, dx, dprojection, ddt_weight, ddt_bias, dA_logs, dDs;
    std::vector<Floats *> parts() { return {&y, &dx, &dprojection, &ddt_weight, &ddt_bias, &dA_logs, &dDs}; }
    explicit Result(const Case &c)
        : y(c.x.size(), NAN), dx(c.x.size(), NAN), dprojection(c.projection.size(), NAN), ddt_weight(c.dt_weight.size(), NAN),
          ddt_bias(c.dt_bias.size(), NAN), dA_logs(c.A_logs.size(), NAN), dDs(c.Ds.size(), NAN) {}
};

/// Sums `parts` consecutive arrays of `count` numbers.
Floats sum(const Floats &of, size_t parts) {
    Floats total(of.size() / parts, 0);
    for (size_t i = 0; i < of.size(); i++) total[i % total.size()] += of[i];
    return total;
}
Result emulated(Case &c, int input, int multiprocessors, int64_t padding) {
    const auto &v = variant_of(static_cast<int>(c.N), static_cast<int>(c.R), input);
    const Plan plan = Plan::make(c.B, c.L(), c.D, static_cast<int>(c.N), multiprocessors);
    const int64_t stride = c.D + padding, tokens = c.B * c.L();
    std::vector<uint16_t> narrow(tokens * stride, 0x7fff);  // not a number
    Floats wide(tokens * stride, NAN);
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t d = 0; d < c.D; d++) {
            float &value = c.x[t * c.D + d];
            uint16_t &bits = narrow[t * stride + d];
            if (input == 1) {
                uint32_t all;
                std::memcpy(&all, &value, 4);
                bits = all >> 16, all &= 0xffff0000u;
                std::memcpy(&value, &all, 4);
            } else if (input == 2) {
                const _Float16 half = static_cast<_Float16>(value);
                std::memcpy(&bits, &half, 2);
                value = static_cast<float>(half);
            }
            wide[t * stride + d] = value;
        }
    const size_t D = c.D, map = tokens * D, chunked = c.B * 4 * plan.chunks, parts = c.B * plan.chunks;
    const auto fresh = [](size_t count) { return Floats(count, NAN); };
    Floats states = fresh(chunked * c.N * D), steps = fresh(chunked * D), borders = fresh(chunked * plan.loads * c.N * D),
           y = fresh(2 * map), dx = fresh(2 * map), dprojection = fresh(plan.blocks * c.projection.size()),
           ddt_weight = fresh(parts * c.dt_weight.size()), ddt_bias = fresh(parts * c.dt_bias.size()),
           dA_logs = fresh(parts * c.A_logs.size()), dDs = fresh(parts * c.Ds.size());
    SS2DArguments a{};
    a.x_stride = stride;
    a.x = input == 0 ? static_cast<const void *>(wide.data()) : narrow.data();
    a.projection = c.projection.data(), a.dt_weight = c.dt_weight.data(), a.dt_bias = c.dt_bias.data(), a.A_logs = c.A_logs.data(),
    a.Ds = c.Ds.data();
    a.dy = c.dy.data(), a.states = states.data(), a.steps = steps.data(), a.borders = borders.data(), a.y = y.data(), a.dx = dx.data();
    a.dprojection = dprojection.data(), a.ddt_weight = ddt_weight.data(), a.ddt_bias = ddt_bias.data(), a.dA_logs = dA_logs.data(),
    a.dDs = dDs.data();
    a.batch = c.B, a.height = c.H, a.width = c.W, a.channels = c.D, a.rank = c.R;
    const auto launch = [&](const std::string &kernel, ctorch::cuda::Grid grid, unsigned threads, size_t shared,
                            const SS2DArguments &arguments) {
        const auto function = kernel == "ss2d_states" ? v.chunk_states
            : kernel == "ss2d_carry"                  ? v.carry
            : kernel == "ss2d_forward"                ? v.forward
            : kernel == "ss2d_gradients"              ? v.gradients
                                                      : v.backward;
        emulation::launch(function, grid, threads, shared, arguments);
    };
    ctorch::cuda::launch_forward(plan, a, launch);
    std::fill(states.begin(), states.end(), NAN), std::fill(steps.begin(), steps.end(), NAN);
    ctorch::cuda::launch_backward(plan, a, launch);
    Result r(c);
    r.y = sum(y, 2), r.dx = sum(dx, 2), r.dprojection = sum(dprojection, plan.blocks), r.ddt_weight = sum(ddt_weight, parts);
    r.ddt_bias = sum(ddt_bias, parts), r.dA_logs = sum(dA_logs, parts), r.dDs = sum(dDs, parts);
    return r;
}

Result reference(const Case &c) {
    Result r(c);
    const vmk_ss2d ss2d{
        {c.B, c.H, c.W, c.D, c.N, c.R},
        VMK_FLOAT32,
        c.x.data(),
        c.D,
        c.projection.data(),
        c.dt_weight.data(),
        c.dt_bias.data(),
        c.A_logs.data(),
        c.Ds.data(),
        nullptr};
    const vmk_ss2d_gradients gradients{r.dx.data(),       r.dprojection.data(), r.ddt_weight.data(),
                                       r.ddt_bias.data(), r.dA_logs.data(),     r.dDs.data()};
    vmk_ss2d_forward_reference(&ss2d, r.y.data());
    vmk_ss2d_backward_reference(&ss2d, c.dy.data(), &gradients);
    return r;
}

/// The greatest difference over the greatest expected magnitude.
double relative_error(const Floats &got, const Floats &expected) {
    double difference = 0, magnitude = 1e-30;
    for (size_t i = 0; i < expected.size(); i++) {
        if (!std::isfinite(got[i])) return INFINITY;
        difference = std::max(difference, std::fabs(double(got[i]) - expected[i]));
        magnitude = std::max(magnitude, std::fabs(double(expected[i])));
    }
    return difference / magnitude;
}

bool same_bits(Result a, Result b) {
    const auto of_a = a.parts(), of_b = b.parts();
    for (size_t i = 0; i < of_a.size(); i++)
        if (std::memcmp(of_a[i]->data(), of_b[i]->data(), of_a[i]->size() * 4) != 0) return false;
    return true;
}

void random_case(const char *name, Case c, int input, int multiprocessors, int64_t padding, float bias = -3) {
    c.size();
    std::mt19937 bits(1);
    const auto fill = [&](Floats &values, float scale, float mean) {
        std::normal_distribution<float> normal(mean, scale);
        for (auto &v : values) v = normal(bits);
    };
    fill(c.x, 1, 0), fill(c.projection, 1, 0), fill(c.dt_weight, 1 / std::sqrt(float(c.R)), 0), fill(c.dt_bias, 0.8f, bias),
        fill(c.A_logs, 0.5f, 1);
    fill(c.Ds, 0.2f, 1), fill(c.dy, 1, 0);
    emulation::descending = false;
    Result got = emulated(c, input, multiprocessors, padding), expected = reference(c);
    emulation::descending = true;
    const bool same = same_bits(got, emulated(c, input, multiprocessors, padding));
    double worst = 0;
    for (size_t i = 1; i < 7; i++) worst = std::max(worst, relative_error(*got.parts()[i], *expected.parts()[i]));
    const Plan plan = Plan::make(c.B, c.L(), c.D, static_cast<int>(c.N), multiprocessors);
    std::printf(
        "%s, %d chunks of %d, %d loads\t%g\t%g\t%d\n", name, plan.chunks, plan.chunk, plan.loads, relative_error(got.y, expected.y), worst,
        same);
    std::fflush(stdout);
}

int from_file(const char *in, const char *out) {
    Case c{};
    FILE *file = std::fopen(in, "rb");
    if (!file || std::fread(&c, 8, 6, file) != 6) return 4;
    c.size();
    for (auto *part : c.parts())
        if (std::fread(part->data(), 4, part->size(), file) != part->size()) return 4;
    std::fclose(file);
    Result result = emulated(c, 0, 132, 0);
    file = std::fopen(out, "wb");
    if (!file) return 4;
    for (auto *part : result.parts()) std::fwrite(part->data(), 4, part->size(), file);
    return std::fclose(file) == 0 ? 0 : 4;
}

}  // namespace

int main(int count, char **arguments) {
    if (count == 3) return from_file(arguments[1], arguments[2]);
    // B, H, W, D, N, R; a large number of multiprocessors cuts a map into many chunks, one keeps it
    // whole.
    random_case("one token, one channel", {1, 1, 1, 1, 16, 1}, 0, 132, 0);
    random_case("whole, several borders", {1, 5, 29, 33, 16, 6}, 0, 1, 0);
    random_case("whole, a load and a half", {1, 8, 12, 32, 16, 4}, 0, 1, 0);
    random_case("chunks, the last one short", {2, 6, 9, 40, 16, 3}, 0, 132, 3);
    random_case("chunks of several borders", {1, 19, 17, 20, 16, 2}, 0, 1, 0);
    random_case("more chunks than are carried at a time", {1, 13, 11, 8, 16, 8}, 0, 1000, 0);
    random_case("a row", {1, 1, 70, 5, 16, 19}, 0, 132, 0);
    random_case("a column", {1, 37, 1, 5, 16, 48}, 0, 132, 0);
    random_case("bfloat16", {1, 7, 6, 34, 16, 4}, 1, 132, 5);
    random_case("float16", {1, 6, 7, 31, 16, 12}, 2, 132, 1);
    random_case("3 states", {1, 5, 8, 33, 3, 2}, 0, 132, 0);
    random_case("3 states, whole", {1, 9, 11, 3, 3, 5}, 0, 1, 0);
    random_case("11 states", {1, 5, 8, 33, 11, 2}, 0, 132, 0);
    random_case("11 states, whole", {1, 10, 7, 12, 11, 7}, 0, 1, 0);
    random_case("22 states", {1, 4, 10, 9, 22, 2}, 0, 132, 0);
    random_case("22 states, whole", {1, 9, 10, 9, 22, 3}, 0, 1, 0);
    random_case("12 states, three warps", {1, 7, 9, 34, 12, 8}, 0, 132, 0);
    random_case("20 states, five warps", {1, 9, 13, 3, 20, 6}, 0, 1, 0);
    random_case("100 states, thirteen warps", {1, 5, 9, 9, 100, 3}, 0, 132, 0);
    random_case("145 states, ten warps", {1, 5, 9, 3, 145, 2}, 0, 1, 0);
    random_case("70 states", {1, 3, 9, 9, 70, 2}, 0, 132, 0);
    random_case("250 states", {1, 3, 13, 34, 250, 6}, 0, 132, 0);
    random_case("steps of zero", {1, 5, 7, 18, 16, 3}, 0, 132, 0, -1000);
    random_case("tiny steps", {1, 5, 7, 18, 16, 3}, 0, 132, 0, -14);
    random_case("steps that forget the state", {1, 5, 7, 18, 16, 3}, 0, 132, 0, 1e4);
    return 0;
}
