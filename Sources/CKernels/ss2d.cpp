// SS2D's C entries: the division of work, and the sums whose order must not depend on it.
#include "ss2d.h"

#include <algorithm>

#include "parallel.h"

namespace vmk {

namespace {

SS2D problem(
    const vmk_ss2d_shape *shape, vmk_type x_type, const void *x, int64_t x_stride, const float *projection, const float *dt_weight,
    const float *dt_bias, const float *A_logs, const float *Ds) {
    return {shape->batch, shape->height, shape->width, shape->channels, shape->states, shape->rank, x_type, x, x_stride, projection,
            dt_weight,    dt_bias,       A_logs,       Ds,              nullptr};
}

/// Fills SS2D::prepared; the memory stays this thread's until its next call.
void prepare(SS2D &ss2d) {
    const int64_t size = ss2d.prepared_size(), groups = ss2d.groups();
    float *prepared = scratch(Slot::callA, 4 * groups * size);
    ss2d.prepared = prepared;
    const auto kernel = VMK_PICK(ss2d_prepare);
    parallel(4 * groups, [&](int64_t i) { kernel(ss2d, i / groups, i % groups, prepared + i * size); });
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
    const vmk::SS2D ss2d = vmk::problem(shape, VMK_FLOAT32, nullptr, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
    return ss2d.tokens() > 0 ? ss2d.batch * 4 * (ss2d.blocks() - 1) * ss2d.border_size() : 0;
}

extern "C" void vmk_ss2d_forward(
    const vmk_ss2d_shape *shape, vmk_type x_type, const void *x, int64_t x_stride, const float *projection, const float *dt_weight,
    const float *dt_bias, const float *A_logs, const float *Ds, float *y, float *borders) {
    using namespace vmk;
    SS2D ss2d = problem(shape, x_type, x, x_stride, projection, dt_weight, dt_bias, A_logs, Ds);
    if (ss2d.batch * ss2d.tokens() * ss2d.channels == 0) return;
    prepare(ss2d);
    const auto kernel = VMK_PICK(ss2d_forward);

    // A task is an image and some groups of channels. Many groups share the packing of a block; few keep x and y of the four directions in the second-level cache.
    const int64_t groups = ss2d.groups(), threads = vmk_threads(), wanted = 4 * threads;
    int64_t size = std::max<int64_t>(1, std::min<int64_t>(4, groups * ss2d.batch / wanted));
    const int64_t parts = (groups + size - 1) / size;
    const bool split = ss2d.batch * parts < 2 * threads && threads > 1;
    const int64_t count = ss2d.batch * ss2d.tokens() * ss2d.channels;
    if (!split) {
        parallel(ss2d.batch * parts, [&](int64_t i) {
            const int64_t first = i % parts * size;
            kernel(ss2d, i / parts, 0, 4, first, std::min(groups, first + size), y, borders);
        });
    } else {
        // Too few for the threads: each direction has its own y, and they are added in the order in which one task would have.
        float *others = scratch(Slot::callB, 3 * count);
        parallel(ss2d.batch * parts * 4, [&](int64_t i) {
            const int64_t direction = i % 4, first = i / 4 % parts * size;
            kernel(ss2d, i / 4 / parts, direction, direction + 1, first, std::min(groups, first + size),
                   direction == 0 ? y : others + (direction - 1) * count, borders);
        });
        add_in_order(count, y, others, others + count, others + 2 * count);
    }
}
