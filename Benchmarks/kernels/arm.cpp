// The kernels of another processor, tried under an emulator by Scripts/test-arm.sh: products bit
// for bit against a loop over fmaf in the same order, the scan against the reference implementation
// in double precision, both with one thread and with three.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "CKernels.h"

namespace {

using Floats = std::vector<float>;

uint32_t seed = 1;

Floats numbers(int64_t count, float from, float to) {
    Floats x(static_cast<size_t>(count));
    for (float &value : x) {
        seed = seed * 1664525u + 1013904223u;
        value = from + (to - from) * static_cast<float>(seed >> 8) / 16777216.0f;
    }
    return x;
}

int failures = 0;

void expect(bool holds, const char *what, int64_t a, int64_t b, int64_t c) {
    if (holds) return;
    std::printf("wrong: %s, %lld %lld %lld\n", what, static_cast<long long>(a), static_cast<long long>(b), static_cast<long long>(c));
    failures++;
}

/// y = x weight^T + bias + residual, of a row length that is longer than x's.
void product(int64_t rows, int64_t columns, int64_t depth) {
    const int64_t stride = depth + 3;
    const Floats x = numbers(rows * stride, -1, 1), weight = numbers(columns * depth, -1, 1), bias = numbers(columns, -1, 1);
    const Floats residual = numbers(rows * columns, -1, 1);
    Floats packed(static_cast<size_t>(vmk_packed_bytes(columns, depth) / 4 + 1));
    vmk_pack_weight(columns, depth, 1, VMK_FLOAT32, weight.data(), packed.data());
    Floats wanted(residual.size());
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            float sum = 0;
            for (int64_t k = 0; k < depth; k++) sum = std::fmaf(x[i * stride + k], weight[j * depth + k], sum);
            wanted[i * columns + j] = (sum + bias[j]) + residual[i * columns + j];
        }
    for (int threads : {1, 3}) {
        vmk_set_threads(threads);
        Floats y(wanted.size(), NAN);
        const vmk_linear linear{rows,          columns,     depth,           VMK_FLOAT32, x.data(), stride,
                                packed.data(), bias.data(), residual.data(), VMK_FLOAT32, y.data()};
        vmk_linear_forward(&linear);
        expect(std::memcmp(y.data(), wanted.data(), 4 * y.size()) == 0, "product", rows, columns, depth);
    }
}

/// SS2D of one image in all four directions.
void scan(int64_t H, int64_t W, int64_t D, int64_t N, int64_t R) {
    const int64_t L = H * W, row = R + 2 * N;
    const Floats x = numbers(L * D, -1, 1), projection = numbers(L * 4 * row, -1, 1), weight = numbers(4 * D * R, -0.5f, 0.5f);
    const Floats bias = numbers(4 * D, -5, 2), logs = numbers(4 * D * N, 0, 2.7f), skip = numbers(4 * D, 0.5f, 1.5f);
    std::vector<double> wanted(static_cast<size_t>(L * D));
    for (int64_t direction = 0; direction < 4; direction++)
        for (int64_t d = 0; d < D; d++) {
            const int64_t channel = direction * D + d;
            std::vector<double> h(static_cast<size_t>(N));
            for (int64_t t = 0; t < L; t++) {
                const int64_t place = direction < 2 ? t : L - 1 - t, token = direction % 2 ? place % H * W + place / H : place;
                const float *from = projection.data() + (token * 4 + direction) * row;
                double step = bias[channel], y = 0;
                for (int64_t r = 0; r < R; r++) step += double(from[r]) * weight[channel * R + r];
                step = std::log1p(std::exp(step));
                const double u = x[token * D + d];
                for (int64_t n = 0; n < N; n++) {
                    h[n] = std::exp(-std::exp(double(logs[channel * N + n])) * step) * h[n] + step * u * from[R + n];
                    y += h[n] * from[R + N + n];
                }
                wanted[token * D + d] += y + skip[channel] * u;
            }
        }
    Floats first;
    for (int threads : {1, 3}) {
        vmk_set_threads(threads);
        Floats y(wanted.size(), NAN);
        const vmk_ss2d ss2d{{1, H, W, D, N, R}, VMK_FLOAT32, x.data(),    D,           projection.data(),
                            weight.data(),      bias.data(), logs.data(), skip.data(), nullptr};
        vmk_ss2d_forward(&ss2d, y.data(), nullptr);
        double error = 0, size = 0;
        for (size_t i = 0; i < y.size(); i++) error += (y[i] - wanted[i]) * (y[i] - wanted[i]), size += wanted[i] * wanted[i];
        expect(std::sqrt(error / size) < 2e-6, "scan", H, W, D);  // float32 over some hundred tokens; NaN fails
        if (threads == 1) first = y;
        expect(std::memcmp(y.data(), first.data(), 4 * y.size()) == 0, "scan on three threads", H, W, D);
    }
}

}  // namespace

int main() {
    for (int64_t rows : {1, 6, 7, 8, 64, 97})
        for (int64_t columns : {1, 4, 5, 8, 11, 12, 13, 48, 152})
            for (int64_t depth : {1, 3, 4, 5, 24, 97}) product(rows, columns, depth);
    scan(1, 1, 16, 16, 1);
    scan(8, 8, 32, 16, 6);
    scan(5, 13, 33, 16, 3);
    scan(13, 7, 17, 5, 2);
    scan(9, 11, 20, 24, 19);
    std::puts(failures ? "FAILED" : "products bit for bit, scans within 2e-6: right");
    return failures != 0;
}
