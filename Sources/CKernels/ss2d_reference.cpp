// SS2D one number at a time, in double precision, keeping every state of a direction: the
// recurrence of ss2d_*.inc, easy to read, for tests.
#include <cmath>
#include <cstring>
#include <vector>

#include "include/CKernels.h"

namespace {

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double element(vmk_type type, const void *x, int64_t i) {
    if (type == VMK_FLOAT32) return static_cast<const float *>(x)[i];
    const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t *>(x)[i]) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// The token that direction k visits at `position`.
int64_t visited(const vmk_ss2d_shape &s, int64_t k, int64_t position) {
    if (k >= 2) position = s.height * s.width - 1 - position;
    return k % 2 == 0 ? position : position % s.height * s.width + position / s.height;
}

/// One channel of one image in one direction: the recurrence's inputs, and its states.
struct Channel {
    const vmk_ss2d_shape &s;
    int64_t row, L, N, R;
    // h[(position + 1) * N + n] is the state after the token at `position`; h[0..<N] = 0.
    std::vector<double> step, raw, x, h;
    std::vector<double> A;
    std::vector<int64_t> token;
    const float *projection;  // of this image and direction; token stride 4 * row

    Channel(const vmk_ss2d &in, int64_t b, int64_t k, int64_t d)
        : s(in.shape), row(s.rank + 2 * s.states), L(s.height * s.width), N(s.states), R(s.rank), step(L), raw(L), x(L), h((L + 1) * N),
          A(N), token(L), projection(in.projection + b * L * 4 * row + k * row) {
        const int64_t kd = k * s.channels + d;
        for (int64_t n = 0; n < N; n++) A[n] = -std::exp(static_cast<double>(in.A_logs[kd * N + n]));
        for (int64_t l = 0; l < L; l++) {
            token[l] = visited(s, k, l);
            raw[l] = in.dt_bias[kd];
            for (int64_t r = 0; r < R; r++) raw[l] += static_cast<double>(in.dt_weight[kd * R + r]) * delta(l)[r];
            step[l] = softplus(raw[l]);
            x[l] = element(in.x_type, in.x, (b * L + token[l]) * in.x_stride + d);
            for (int64_t n = 0; n < N; n++) h[(l + 1) * N + n] = std::exp(step[l] * A[n]) * h[l * N + n] + step[l] * x[l] * B(l)[n];
        }
    }
    const float *delta(int64_t l) const { return projection + token[l] * 4 * row; }
    const float *B(int64_t l) const { return delta(l) + R; }
    const float *C(int64_t l) const { return B(l) + N; }
};

}  // namespace

extern "C" void vmk_ss2d_forward_reference(const vmk_ss2d *inputs, float *y) {
    const vmk_ss2d_shape &shape = inputs->shape;
    const int64_t L = shape.height * shape.width, D = shape.channels, N = shape.states;
    for (int64_t b = 0; b < shape.batch; b++)
        for (int64_t d = 0; d < D; d++) {
            std::vector<double> sum(L);
            for (int64_t k = 0; k < 4; k++) {
                const Channel c(*inputs, b, k, d);
                for (int64_t l = 0; l < L; l++) {
                    sum[c.token[l]] += inputs->Ds[k * D + d] * c.x[l];
                    for (int64_t n = 0; n < N; n++) sum[c.token[l]] += c.C(l)[n] * c.h[(l + 1) * N + n];
                }
            }
            for (int64_t l = 0; l < L; l++) y[(b * L + l) * D + d] = static_cast<float>(sum[l]);
        }
}

extern "C" void vmk_ss2d_backward_reference(const vmk_ss2d *inputs, const float *dy, const vmk_ss2d_gradients *gradients) {
    const vmk_ss2d_shape &shape = inputs->shape;
    const int64_t batch = shape.batch, L = shape.height * shape.width, D = shape.channels, N = shape.states, R = shape.rank,
                  row = R + 2 * N;
    std::vector<double> dp(batch * L * 4 * row), dxs(batch * L * D), dw(4 * D * R), db(4 * D), dA(4 * D * N), dD(4 * D), dh(N);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t k = 0; k < 4; k++)
            for (int64_t d = 0; d < D; d++) {
                const int64_t kd = k * D + d;
                const Channel c(*inputs, b, k, d);
                dh.assign(N, 0);  // the gradient of the state after the current token
                for (int64_t l = L - 1; l >= 0; l--) {
                    const int64_t token = b * L + c.token[l];
                    const double gy = dy[token * D + d];
                    double *ddelta = &dp[token * 4 * row + k * row], *dB = ddelta + R, *dC = dB + N;
                    double dstep = 0, dinput = 0;  // of step, and of step * x
                    for (int64_t n = 0; n < N; n++) {
                        const double a = std::exp(c.step[l] * c.A[n]), before = c.h[l * N + n];
                        dh[n] += gy * c.C(l)[n];
                        dC[n] += gy * c.h[(l + 1) * N + n];
                        dB[n] += dh[n] * c.step[l] * c.x[l];
                        dinput += dh[n] * c.B(l)[n];
                        const double dexponent = dh[n] * a * before;  // of step * A
                        dA[kd * N + n] += dexponent * c.step[l] * c.A[n];
                        dstep += dexponent * c.A[n];
                        dh[n] *= a;
                    }
                    dxs[token * D + d] += dinput * c.step[l] + gy * inputs->Ds[kd];
                    dD[kd] += gy * c.x[l];
                    const double draw = (dstep + dinput * c.x[l]) * sigmoid(c.raw[l]);
                    db[kd] += draw;
                    for (int64_t r = 0; r < R; r++) {
                        dw[kd * R + r] += draw * c.delta(l)[r];
                        ddelta[r] += draw * inputs->dt_weight[kd * R + r];
                    }
                }
            }
    const auto out = [](const std::vector<double> &from, float *to) {
        for (size_t i = 0; i < from.size(); i++) to[i] = static_cast<float>(from[i]);
    };
    out(dp, gradients->projection), out(dxs, gradients->x), out(dw, gradients->dt_weight), out(db, gradients->dt_bias);
    out(dA, gradients->A_logs), out(dD, gradients->Ds);
}
