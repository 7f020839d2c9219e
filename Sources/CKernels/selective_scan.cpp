// The selective scan's C entries: divides the work, and adds sums in an order that does not depend
// on the threads.
#include "selective_scan.h"

#include <algorithm>

#include "parallel.h"

extern "C" int64_t vmk_selective_scan_border_count(const vmk_selective_scan_shape *shape) {
    vmk::SelectiveScan scan{};
    scan.shape = *shape;
    return shape->length > 0 ? shape->batch * scan.tiles() * (scan.blocks() - 1) * scan.border_size() : 0;
}

extern "C" void vmk_selective_scan_forward(const vmk_selective_scan *inputs, float *y, float *borders, float *last) {
    using namespace vmk;
    const SelectiveScan scan{*inputs};
    const auto &s = scan.shape;
    if (last && s.length == 0) std::fill_n(last, s.batch * s.channels * s.states, 0.0f);
    if (s.batch * s.channels * s.length == 0) return;
    const auto kernel = VMK_PICK(selective_scan_forward);
    const int64_t tiles = scan.tiles();
    parallel(s.batch * tiles, [&](int64_t i) { kernel(scan, i / tiles, i % tiles, y, borders, last); });
}

extern "C" void vmk_selective_scan_backward(
    const vmk_selective_scan *inputs, const float *borders, const float *dy, const vmk_selective_scan_gradients *gradients) {
    using namespace vmk;
    const SelectiveScan scan{*inputs};
    const auto &s = scan.shape;
    const int64_t D = s.channels, N = s.states, L = s.length, shared = N * L, all_shared = s.batch * s.groups * shared;
    if (s.batch * D * L == 0) {
        std::fill_n(gradients->A, D * N, 0.0f);
        std::fill_n(gradients->B, all_shared, 0.0f);
        std::fill_n(gradients->C, all_shared, 0.0f);
        if (s.batch * L == 0 && scan.skip) std::fill_n(gradients->skip, D, 0.0f);
        if (s.batch * L == 0 && scan.delta_bias) std::fill_n(gradients->delta_bias, D, 0.0f);
        return;
    }
    const auto kernel = VMK_PICK(selective_scan_backward);

    // A task is an image and some tiles of a group. B's and C's gradients are sums over a group's
    // channels: each part of a group has its own, added in order. The shape alone decides how many
    // parts there are: enough for 8 tasks, 32 MB in all.
    const int64_t tiles = scan.group_tiles(), weight_size = scan.weight_gradient_size();
    const int64_t most = std::min(tiles, 1 + (int64_t{4} << 20) / std::max<int64_t>(1, all_shared));
    const int64_t wanted = std::max<int64_t>(1, std::min(most, (8 + s.batch * s.groups - 1) / (s.batch * s.groups)));
    const int64_t size = (tiles + wanted - 1) / wanted, parts = (tiles + size - 1) / size;
    float *others = scratch(Slot::callA, 2 * (parts - 1) * all_shared + 1);
    float *weights = scratch(Slot::callB, s.batch * scan.tiles() * weight_size);  // [B, tiles, ...]
    const auto of_part = [&](int64_t part, bool isC) {
        return part == 0 ? (isC ? gradients->C : gradients->B) : others + (2 * (part - 1) + isC) * all_shared;
    };
    parallel(s.batch * s.groups * parts, [&](int64_t i) {
        const int64_t part = i % parts, group = i / parts % s.groups, image = i / parts / s.groups, first = group * tiles + part * size;
        const int64_t at = (image * s.groups + group) * shared;
        kernel(
            scan, image, first, std::min((group + 1) * tiles, first + size), borders, dy, gradients->u, gradients->delta,
            of_part(part, false) + at, of_part(part, true) + at, weights + image * scan.tiles() * weight_size);
    });
    if (parts > 1) {
        constexpr int64_t piece = 1 << 14;
        parallel(2 * ((all_shared + piece - 1) / piece), [&](int64_t i) {
            float *to = of_part(0, i % 2);
            const int64_t start = i / 2 * piece, end = std::min(all_shared, start + piece);
            for (int64_t part = 1; part < parts; part++) {
                const float *from = of_part(part, i % 2);
                for (int64_t j = start; j < end; j++) to[j] += from[j];
            }
        });
    }
    parallel(scan.tiles(), [&](int64_t tile) {
        float *sum = weights + tile * weight_size;  // the first image's
        for (int64_t image = 1; image < s.batch; image++) {
            const float *from = weights + (image * scan.tiles() + tile) * weight_size;
            for (int64_t j = 0; j < weight_size; j++) sum[j] += from[j];
        }
        for (int64_t lane = 0; lane < scan.channel_count(tile); lane++) {
            const int64_t channel = scan.first_channel(tile) + lane;
            for (int64_t n = 0; n < N; n++) gradients->A[channel * N + n] = sum[n * SelectiveScan::lanes + lane];
            if (scan.skip) gradients->skip[channel] = sum[N * SelectiveScan::lanes + lane];
            if (scan.delta_bias) gradients->delta_bias[channel] = sum[(N + 1) * SelectiveScan::lanes + lane];
        }
    });
}
