// Runs the benchmarks' CUDA scan (Benchmarks/gpu/scan.cu) on the CPU and compares it with the
// literal recurrence in double precision, so that the peer is known to compute the same. Prints a
// line per case: "tokens<TAB>largest error of y, relative<TAB>of the gradients".
#include "cuda_emulation.h"

#include <random>

#define __global__
#define __launch_bounds__(threads)
#define __shared__ static
#include "../../Benchmarks/gpu/scan.cu"

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

double error(const Floats &got, const Doubles &expected) {
    double difference = 0, magnitude = 1e-30;
    for (size_t i = 0; i < expected.size(); i++) {
        if (!std::isfinite(got[i])) return INFINITY;
        difference = std::max(difference, std::fabs(got[i] - expected[i])), magnitude = std::max(magnitude, std::fabs(expected[i]));
    }
    return difference / magnitude;
}

void run(int b, int G, int D, int L, int N) {
    std::mt19937 bits(1);
    const auto normal = [&](size_t count, float scale, float mean) {
        std::normal_distribution<float> distribution(mean, scale);
        Floats values(count);
        for (auto &v : values) v = distribution(bits);
        return values;
    };
    const int channels = G * D, chunks = (L + CHUNK - 1) / CHUNK;
    const size_t map = size_t(b) * channels * L, projected = size_t(b) * G * N * L;
    Floats u = normal(map, 1, 0), delta = normal(map, 1, 0), A = normal(channels * N, 1, 0), B = normal(projected, 1, 0),
           C = normal(projected, 1, 0), skip = normal(channels, 1, 0), bias = normal(channels, 1, -3), dy = normal(map, 1, 0);
    for (auto &a : A) a = -std::exp(a);
    Floats y(map, NAN), borders(size_t(b) * channels * chunks * N, NAN), du(map, NAN), ddelta(map, NAN), dA(size_t(b) * channels * N, NAN),
        dB(projected), dC(projected), dskip(b * channels, NAN), dbias(b * channels, NAN);
    struct Nothing {
    } nothing;
    struct Blocks {
        unsigned x, y, z;
    } grid{unsigned(channels), unsigned(b), 1};
    emulation::launch(
        [&](Nothing) {
            scan_forward(
                u.data(), delta.data(), A.data(), B.data(), C.data(), skip.data(), bias.data(), y.data(), borders.data(), G, D, L, N);
        },
        grid, THREADS, 0, nothing);
    emulation::launch(
        [&](Nothing) {
            scan_backward(
                dy.data(), u.data(), delta.data(), A.data(), B.data(), C.data(), skip.data(), bias.data(), borders.data(), du.data(),
                ddelta.data(), dA.data(), dB.data(), dC.data(), dskip.data(), dbias.data(), G, D, L, N);
        },
        grid, THREADS, 0, nothing);
    Doubles ey(map), edu(map), eddelta(map), edA(dA.size()), edB(projected), edC(projected), edskip(dskip.size()), edbias(dbias.size());
    for (int i = 0; i < b * channels; i++) {
        const int d = i % channels, group = i / channels * G + d / D;
        for (int l = 0; l < L; l++)
            ey[i * L + l] = double(skip[d]) * u[i * L + l], edu[i * L + l] = double(skip[d]) * dy[i * L + l],
                       edskip[i] += double(dy[i * L + l]) * u[i * L + l];
        for (int n = 0; n < N; n++) {
            Doubles h(L + 1);
            const auto at = [&](int l) { return (size_t(group) * N + n) * L + l; };
            const auto step = [&](int l) { return std::log1p(std::exp(double(delta[i * L + l]) + bias[d])); };
            for (int l = 0; l < L; l++) {
                h[l + 1] = std::exp(step(l) * A[d * N + n]) * h[l] + step(l) * u[i * L + l] * B[at(l)];
                ey[i * L + l] += C[at(l)] * h[l + 1];
            }
            double dh = 0;
            for (int l = L - 1; l >= 0; l--) {
                const double dt = step(l), decay = std::exp(dt * A[d * N + n]), raw = double(delta[i * L + l]) + bias[d];
                dh += double(C[at(l)]) * dy[i * L + l];
                edC[at(l)] += dy[i * L + l] * h[l + 1], edB[at(l)] += dh * dt * u[i * L + l], edu[i * L + l] += dh * dt * B[at(l)];
                const double slope = dh * (double(u[i * L + l]) * B[at(l)] + A[d * N + n] * decay * h[l]) / (1 + std::exp(-raw));
                eddelta[i * L + l] += slope, edbias[i] += slope, edA[i * N + n] += dh * dt * decay * h[l];
                dh *= decay;
            }
        }
    }
    double worst = 0;
    for (const auto &[got, expected] :
         {std::pair{&du, &edu}, {&ddelta, &eddelta}, {&dA, &edA}, {&dB, &edB}, {&dC, &edC}, {&dskip, &edskip}, {&dbias, &edbias}})
        worst = std::max(worst, error(*got, *expected));
    std::printf("%d\t%g\t%g\n", L, error(y, ey), worst);
}

}  // namespace

int main() {
    run(1, 1, 1, 1, 1);
    run(2, 4, 3, 70, 16);
    run(1, 2, 2, 1100, 5);
    return 0;
}
