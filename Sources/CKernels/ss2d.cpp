// SS2D's C entries: divides the work, and adds sums in an order that does not depend on the
// division.
#include "ss2d.h"

#include <algorithm>

#include "parallel.h"

namespace vmk {

namespace {

SS2D problem(const vmk_ss2d_shape &s) {
    SS2D ss2d{};
    ss2d.batch = s.batch, ss2d.height = s.height, ss2d.width = s.width;
    ss2d.channels = s.channels, ss2d.states = s.states, ss2d.rank = s.rank;
    return ss2d;
}

SS2D problem(const vmk_ss2d &in) {
    SS2D ss2d = problem(in.shape);
    ss2d.x_type = in.x_type, ss2d.x = in.x, ss2d.x_stride = in.x_stride;
    ss2d.projection = in.projection, ss2d.dt_weight = in.dt_weight, ss2d.dt_bias = in.dt_bias, ss2d.A_logs = in.A_logs, ss2d.Ds = in.Ds;
    ss2d.prepared = in.prepared;
    return ss2d;
}

void prepare(const SS2D &ss2d, float *prepared) {
    const int64_t size = ss2d.prepared_size(), groups = ss2d.groups();
    const auto kernel = VMK_PICK(ss2d_prepare);
    parallel(4 * groups, [&](int64_t i) { kernel(ss2d, i / groups, i % groups, prepared + i * size); });
}

/// Fills SS2D::prepared if the caller did not; it stays valid until this thread's next call.
void prepare(SS2D &ss2d) {
    if (ss2d.prepared) return;
    float *prepared = scratch(Slot::callA, 4 * ss2d.groups() * ss2d.prepared_size());
    prepare(ss2d, prepared);
    ss2d.prepared = prepared;
}

/// y += a + b + c, element by element in this order.
void add_in_order(int64_t count, float *y, const float *a, const float *b, const float *c) {
    constexpr int64_t piece = 1 << 14;
    parallel((count + piece - 1) / piece, [&](int64_t p) {
        const int64_t end = std::min(count, (p + 1) * piece);
        for (int64_t i = p * piece; i < end; i++) y[i] = ((y[i] + a[i]) + b[i]) + c[i];
    });
}

}  // namespace

}  // namespace vmk

extern "C" int64_t vmk_ss2d_border_count(const vmk_ss2d_shape *shape) {
    const vmk::SS2D ss2d = vmk::problem(*shape);
    return ss2d.tokens() > 0 ? ss2d.batch * 4 * (ss2d.blocks() - 1) * ss2d.border_size() : 0;
}

extern "C" int64_t vmk_ss2d_prepared_count(const vmk_ss2d_shape *shape) {
    const vmk::SS2D ss2d = vmk::problem(*shape);
    return 4 * ss2d.groups() * ss2d.prepared_size();
}

extern "C" void vmk_ss2d_prepare(const vmk_ss2d *inputs, float *prepared) { vmk::prepare(vmk::problem(*inputs), prepared); }

extern "C" void vmk_ss2d_forward(const vmk_ss2d *inputs, float *y, float *borders) {
    using namespace vmk;
    SS2D ss2d = problem(*inputs);
    if (ss2d.batch * ss2d.tokens() * ss2d.channels == 0) return;
    prepare(ss2d);
    const auto kernel = VMK_PICK(ss2d_forward);

    // A task is an image and some groups of channels: few keep x and y of all four directions in L2,
    // many share the packing of a block. Where that is done once for all tasks of an image, two
    // groups are enough: it takes a third off the scan of 96 channels at 64 x 64 tokens.
    constexpr int64_t most_packed = (16 << 20) / sizeof(float);
    const int64_t groups = ss2d.groups(), threads = vmk_threads(), packed = 4 * ss2d.blocks() * ss2d.packed_size();
    const bool packs_once = packed <= most_packed;
    const int64_t most = packs_once ? 2 : 4;
    const int64_t size = std::max<int64_t>(1, std::min(most, groups * ss2d.batch / (4 * threads)));
    const int64_t parts = (groups + size - 1) / size;
    const bool split = ss2d.batch * parts < 2 * threads && threads > 1;
    const int64_t count = ss2d.batch * ss2d.tokens() * ss2d.channels;
    const auto scan = [&](int64_t image, int64_t first_direction, int64_t end_direction, int64_t part, float *to) {
        kernel(ss2d, image, first_direction, end_direction, part * size, std::min(groups, (part + 1) * size), to, borders);
    };
    if (split) {
        // Too few tasks for the threads: each direction gets its own y, and they are added in the
        // order that one task would use.
        float *others = scratch(Slot::callB, 3 * count);
        parallel(ss2d.batch * parts * 4, [&](int64_t i) {
            const int64_t direction = i % 4;
            scan(i / 4 / parts, direction, direction + 1, i / 4 % parts, direction == 0 ? y : others + (direction - 1) * count);
        });
        add_in_order(count, y, others, others + count, others + 2 * count);
        return;
    }
    if (packs_once && parts > 1) {
        const auto pack = VMK_PICK(ss2d_pack);
        ss2d.packed = scratch(Slot::callC, packed);
        for (int64_t image = 0; image < ss2d.batch; image++) {
            parallel(4 * ss2d.blocks(), [&](int64_t i) { pack(ss2d, image, i / ss2d.blocks(), i % ss2d.blocks()); });
            parallel(parts, [&](int64_t part) { scan(image, 0, 4, part, y); });
        }
    } else {
        parallel(ss2d.batch * parts, [&](int64_t i) { scan(i / parts, 0, 4, i % parts, y); });
    }
}

extern "C" void vmk_ss2d_backward(const vmk_ss2d *inputs, const float *borders, const float *dy, const vmk_ss2d_gradients *gradients) {
    using namespace vmk;
    SS2D ss2d = problem(*inputs);
    float *dx = gradients->x, *dprojection = gradients->projection;
    const int64_t batch = ss2d.batch, D = ss2d.channels, N = ss2d.states, R = ss2d.rank, P = ss2d.padded_states(), groups = ss2d.groups();
    if (batch * ss2d.tokens() * D == 0) {
        std::fill_n(dprojection, batch * ss2d.tokens() * 4 * ss2d.projection_width(), 0.0f);
        std::fill_n(gradients->dt_weight, 4 * D * R, 0.0f);
        std::fill_n(gradients->dt_bias, 4 * D, 0.0f);
        std::fill_n(gradients->A_logs, 4 * D * N, 0.0f);
        std::fill_n(gradients->Ds, 4 * D, 0.0f);
        return;
    }
    prepare(ss2d);
    const auto kernel = VMK_PICK(ss2d_backward);

    // A task is an image and some groups of channels. dB, dC and ddelta are sums over all channels:
    // each part of the groups has its own dprojection, and they are added in order, so the shape
    // alone decides how many parts there are: enough for 8 tasks if directions are divided, at
    // least 3 groups each, 32 MB in all.
    const int64_t projection_count = batch * ss2d.tokens() * 4 * ss2d.projection_width();
    const int64_t most = std::min(groups / 3, 1 + (int64_t{8} << 20) / std::max<int64_t>(1, projection_count));
    const int64_t wanted = std::max<int64_t>(1, std::min(most, 2 / std::max<int64_t>(1, batch)));
    const int64_t size = (groups + wanted - 1) / wanted, parts = (groups + size - 1) / size;
    const int64_t count = batch * ss2d.tokens() * D, weight_size = ss2d.weight_gradient_size();
    float *dprojections = scratch(Slot::callC, (parts - 1) * projection_count + 1);
    float *weights = scratch(Slot::callD, batch * 4 * groups * weight_size + 1);  // [B, 4, groups, ...]
    const auto part_of = [&](int64_t part) { return part == 0 ? dprojection : dprojections + (part - 1) * projection_count; };

    const bool split = batch * parts < 2 * vmk_threads() && vmk_threads() > 1;
    if (!split) {
        parallel(batch * parts, [&](int64_t i) {
            const int64_t image = i / parts, part = i % parts, first = part * size;
            kernel(
                ss2d, image, 0, 4, first, std::min(groups, first + size), borders, dy, dx, part_of(part),
                weights + image * 4 * groups * weight_size);
        });
    } else {
        float *others = scratch(Slot::callB, 3 * count);
        parallel(batch * parts * 4, [&](int64_t i) {
            const int64_t direction = i % 4, image = i / 4 / parts, part = i / 4 % parts, first = part * size;
            kernel(
                ss2d, image, direction, direction + 1, first, std::min(groups, first + size), borders, dy,
                direction == 0 ? dx : others + (direction - 1) * count, part_of(part), weights + image * 4 * groups * weight_size);
        });
        add_in_order(count, dx, others, others + count, others + 2 * count);
    }

    if (parts > 1) {
        constexpr int64_t piece = 1 << 14;
        parallel((projection_count + piece - 1) / piece, [&](int64_t p) {
            const int64_t end = std::min(projection_count, (p + 1) * piece);
            for (int64_t part = 1; part < parts; part++) {
                const float *from = part_of(part);
                for (int64_t i = p * piece; i < end; i++) dprojection[i] += from[i];
            }
        });
    }
    parallel(4 * groups, [&](int64_t i) {
        const int64_t direction = i / groups, group = i % groups;
        float *sum = weights + i * weight_size;  // the first image's
        for (int64_t image = 1; image < batch; image++) {
            const float *from = weights + (image * 4 * groups + i) * weight_size;
            for (int64_t j = 0; j < weight_size; j++) sum[j] += from[j];
        }
        const float *A = ss2d.prepared_for(direction, group);
        for (int64_t lane = 0; lane < std::min(ss2d_lanes, D - group * ss2d_lanes); lane++) {
            const int64_t channel = direction * D + group * ss2d_lanes + lane;
            const auto at = [&](int64_t row) { return row * ss2d_lanes + lane; };
            for (int64_t n = 0; n < N; n++)
                // A is prepared times log2(e).
                gradients->A_logs[channel * N + n] = sum[at(n)] * A[at(n)] * 0x1.62e430p-1f;
            for (int64_t r = 0; r < R; r++) gradients->dt_weight[channel * R + r] = sum[at(P + r)];
            gradients->dt_bias[channel] = sum[at(P + R)];
            gradients->Ds[channel] = sum[at(P + R + 1)];
        }
    });
}
