// SS2D's updates per second, forward and backward, at the base model's four sizes (256×256
// pictures). An update is one (channel, state, token, direction).
//
//   clang++ -O2 -std=c++20 -I Sources/CKernels Benchmarks/kernels/ss2d.cpp
//       Sources/CKernels/*.cpp -o /tmp/ss2d -lpthread && /tmp/ss2d [batch]
//
// Runs on the calling thread and counts its processor time, the best of many calls: a busy machine
// disturbs it little.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include "include/CKernels.h"

static double now() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class Call> static double best(Call call) {
    double least = 1e9;
    for (double start = now(); now() - start < 1.5;) {
        const double before = now();
        call();
        least = std::fmin(least, now() - before);
    }
    return least;
}

int main(int count, char **arguments) {
    const int64_t batch = count > 1 ? std::atoll(arguments[1]) : 1, N = 16;
    vmk_set_threads(1);
    std::mt19937 generator(1);
    std::normal_distribution<float> normal;
    const auto numbers = [&](int64_t size, float scale, float mean) {
        std::vector<float> values(static_cast<size_t>(size));
        for (float &value : values) value = mean + scale * normal(generator);
        return values;
    };
    std::printf("%s, batch %lld, one thread\n", vmk_instruction_set(), static_cast<long long>(batch));
    for (int64_t stage = 0; stage < 4; stage++) {
        const int64_t side = 64 >> stage, D = 192 << stage, R = 6 << stage, tokens = batch * side * side;
        const auto x = numbers(tokens * D, 1, 0), projection = numbers(tokens * 4 * (R + 2 * N), 1, 0), dy = numbers(tokens * D, 1, 0);
        const auto weight = numbers(4 * D * R, 1 / std::sqrt(static_cast<float>(R)), 0), bias = numbers(4 * D, 0.8f, -3),
                   A = numbers(4 * D * N, 0.5f, 1), Ds = numbers(4 * D, 0.2f, 1);
        auto y = x, dx = x, dprojection = projection, dweight = weight, dbias = bias, dA = A, dDs = Ds;
        const vmk_ss2d ss2d = {{batch, side, side, D, N, R},
                               VMK_FLOAT32,
                               x.data(),
                               D,
                               projection.data(),
                               weight.data(),
                               bias.data(),
                               A.data(),
                               Ds.data(),
                               nullptr};
        const vmk_ss2d_gradients gradients = {dx.data(), dprojection.data(), dweight.data(), dbias.data(), dA.data(), dDs.data()};
        std::vector<float> borders(static_cast<size_t>(vmk_ss2d_border_count(&ss2d.shape)));
        const double inference = best([&] { vmk_ss2d_forward(&ss2d, y.data(), nullptr); });
        vmk_ss2d_forward(&ss2d, y.data(), borders.data());
        const double backward = best([&] { vmk_ss2d_backward(&ss2d, borders.data(), dy.data(), &gradients); });
        const double updates = static_cast<double>(tokens * D * 4 * N);
        std::printf(
            "%3lldx%-3lld D %4lld R %2lld   forward %7.3f ms %.2e/s   backward %7.3f ms %.2e/s\n", static_cast<long long>(side),
            static_cast<long long>(side), static_cast<long long>(D), static_cast<long long>(R), 1e3 * inference, updates / inference,
            1e3 * backward, updates / backward);
    }
}
