// A plain selective scan for PyTorch on an NVIDIA GPU, for machines where mamba_ssm's cannot be had: what bench peers are given, no part of the package. As
// there, a block has one channel of one image and scans its tokens in parallel, state by state; gradients of B and C are gathered with atomics.
//
// u, delta, y, dy, du, ddelta: (B, G D, L); A: (G D, N); B, C: (B, G, N, L); skip, bias: (G D). `element` is float, or a bfloat16's bits with BFLOAT16.
#define THREADS 128
#define ITEMS 4
#define CHUNK (THREADS * ITEMS)
#define LOG2E 1.4426950408889634f

#ifdef BFLOAT16
typedef unsigned short element;
__device__ inline float value(element x) { return __uint_as_float((unsigned)x << 16); }
__device__ inline element rounded(float x) {
    const unsigned bits = __float_as_uint(x);
    return (element)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
#else
typedef float element;
__device__ inline float value(element x) { return x; }
__device__ inline element rounded(float x) { return x; }
#endif

// h -> factor h + term. Later steps are applied to what earlier ones give.
struct Step {
    float factor, term;
};
__device__ inline Step then(Step first, Step second) { return {first.factor * second.factor, second.factor * first.term + second.term}; }

// What all threads before this one make together (after it, if REVERSED); `total` is what all of them make. `shared` holds a step for each warp.
template <bool REVERSED> __device__ inline Step before(Step own, Step *shared, Step &total) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = THREADS / 32;
    Step sum = own;
    for (int distance = 1; distance < 32; distance *= 2) {
        Step other;
        other.factor = REVERSED ? __shfl_down_sync(0xffffffffu, sum.factor, distance) : __shfl_up_sync(0xffffffffu, sum.factor, distance);
        other.term = REVERSED ? __shfl_down_sync(0xffffffffu, sum.term, distance) : __shfl_up_sync(0xffffffffu, sum.term, distance);
        if (REVERSED ? lane + distance < 32 : lane >= distance) sum = then(other, sum);
    }
    Step previous;
    previous.factor = REVERSED ? __shfl_down_sync(0xffffffffu, sum.factor, 1) : __shfl_up_sync(0xffffffffu, sum.factor, 1);
    previous.term = REVERSED ? __shfl_down_sync(0xffffffffu, sum.term, 1) : __shfl_up_sync(0xffffffffu, sum.term, 1);
    if (lane == (REVERSED ? 31 : 0)) previous = {1.f, 0.f};
    __syncthreads();
    if (lane == (REVERSED ? 0 : 31)) shared[warp] = sum;
    __syncthreads();
    Step of_warps = {1.f, 0.f};
    total = {1.f, 0.f};
    for (int i = 0; i < warps; i++) {
        const int w = REVERSED ? warps - 1 - i : i;
        if (w == warp) of_warps = total;
        total = then(total, shared[w]);
    }
    return then(of_warps, previous);
}

__device__ inline float sum_of_block(float x, float *shared) {
    for (int mask = 16; mask >= 1; mask /= 2) x += __shfl_xor_sync(0xffffffffu, x, mask);
    __syncthreads();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    float total = 0.f;
    for (int w = 0; w < THREADS / 32; w++) total += shared[w];
    return total;
}

// One chunk's tokens of one channel in registers; beyond the last token nothing happens: step 0.
struct Tokens {
    float u[ITEMS], raw[ITEMS], step[ITEMS];
    __device__ inline Tokens(const element *of_u, const element *of_delta, float bias, int first, int L) {
        for (int i = 0; i < ITEMS; i++) {
            const int l = first + threadIdx.x * ITEMS + i;
            u[i] = l < L ? value(of_u[l]) : 0.f;
            raw[i] = l < L ? value(of_delta[l]) + bias : -1e30f;
            step[i] = raw[i] > 20.f ? raw[i] : log1pf(__expf(raw[i]));
        }
    }
};

// borders: (B, G D, chunks, N), the state before each chunk. Grid: (G D, B).
extern "C" __global__ void __launch_bounds__(THREADS) scan_forward(
    const element *u, const element *delta, const float *A, const element *B, const element *C, const float *skip, const float *bias,
    element *y, float *borders, int G, int D, int L, int N) {
    __shared__ Step shared[THREADS / 32];
    __shared__ float carry[256];
    const int channel = blockIdx.x, chunks = (L + CHUNK - 1) / CHUNK;
    const long long row = (long long)blockIdx.y * G * D + channel, group = (long long)blockIdx.y * G + channel / D;
    for (int n = threadIdx.x; n < N; n += THREADS) carry[n] = 0.f;
    for (int chunk = 0; chunk < chunks; chunk++) {
        const int first = chunk * CHUNK;
        const Tokens t(u + row * L, delta + row * L, bias[channel], first, L);
        float sums[ITEMS];
        for (int i = 0; i < ITEMS; i++) sums[i] = skip[channel] * t.u[i];
        __syncthreads();
        for (int n = threadIdx.x; n < N; n += THREADS) borders[(row * chunks + chunk) * N + n] = carry[n];
        for (int n = 0; n < N; n++) {
            const float a = A[channel * N + n] * LOG2E;
            const element *b = B + (group * N + n) * L, *c = C + (group * N + n) * L;
            float decay[ITEMS], input[ITEMS];
            Step own = {1.f, 0.f}, total;
            for (int i = 0; i < ITEMS; i++) {
                const int l = first + threadIdx.x * ITEMS + i;
                decay[i] = exp2f(t.step[i] * a);
                input[i] = l < L ? t.step[i] * t.u[i] * value(b[l]) : 0.f;
                own = then(own, {decay[i], input[i]});
            }
            const Step start = before<false>(own, shared, total);
            float h = start.factor * carry[n] + start.term;
            for (int i = 0; i < ITEMS; i++) {
                const int l = first + threadIdx.x * ITEMS + i;
                h = decay[i] * h + input[i];
                if (l < L) sums[i] += value(c[l]) * h;
            }
            __syncthreads();
            if (threadIdx.x == 0) carry[n] = total.factor * carry[n] + total.term;
        }
        for (int i = 0; i < ITEMS; i++) {
            const int l = first + threadIdx.x * ITEMS + i;
            if (l < L) y[row * L + l] = rounded(sums[i]);
        }
    }
}

// dB, dC: (B, G, N, L) of zeros, float. dA: (B, G D, N), dskip, dbias: (B, G D), a part for each image.
extern "C" __global__ void __launch_bounds__(THREADS) scan_backward(
    const element *dy, const element *u, const element *delta, const float *A, const element *B, const element *C, const float *skip,
    const float *bias, const float *borders, element *du, element *ddelta, float *dA, float *dB, float *dC, float *dskip, float *dbias,
    int G, int D, int L, int N) {
    __shared__ Step shared[THREADS / 32];
    __shared__ float carry[256], of_A[256], reduced[THREADS / 32];
    const int channel = blockIdx.x, chunks = (L + CHUNK - 1) / CHUNK;
    const long long row = (long long)blockIdx.y * G * D + channel, group = (long long)blockIdx.y * G + channel / D;
    for (int n = threadIdx.x; n < N; n += THREADS) carry[n] = of_A[n] = 0.f;
    float of_skip = 0.f, of_bias = 0.f;
    for (int chunk = chunks - 1; chunk >= 0; chunk--) {
        const int first = chunk * CHUNK;
        const Tokens t(u + row * L, delta + row * L, bias[channel], first, L);
        float g[ITEMS], of_u[ITEMS], of_step[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            const int l = first + threadIdx.x * ITEMS + i;
            g[i] = l < L ? value(dy[row * L + l]) : 0.f;
            of_u[i] = g[i] * skip[channel], of_step[i] = 0.f, of_skip += g[i] * t.u[i];
        }
        __syncthreads();
        for (int n = 0; n < N; n++) {
            const float a = A[channel * N + n];
            const long long at = (group * N + n) * L;
            float decay[ITEMS], b[ITEMS], c[ITEMS], states[ITEMS + 1];
            Step own = {1.f, 0.f}, backwards = {1.f, 0.f}, total;
            for (int i = 0; i < ITEMS; i++) {
                const int l = first + threadIdx.x * ITEMS + i;
                decay[i] = exp2f(t.step[i] * a * LOG2E);
                b[i] = l < L ? value(B[at + l]) : 0.f, c[i] = l < L ? value(C[at + l]) : 0.f;
                own = then(own, {decay[i], t.step[i] * t.u[i] * b[i]});
            }
            const Step start = before<false>(own, shared, total);
            states[0] = start.factor * borders[(row * chunks + chunk) * N + n] + start.term;
            for (int i = 0; i < ITEMS; i++) states[i + 1] = decay[i] * states[i] + t.step[i] * t.u[i] * b[i];
            // What a token passes on to the one before it: decay (c dy + what comes from the one after it).
            for (int i = ITEMS - 1; i >= 0; i--) backwards = then(backwards, {decay[i], decay[i] * c[i] * g[i]});
            const Step end = before<true>(backwards, shared, total);
            float passed = end.factor * carry[n] + end.term, sum = 0.f;
            for (int i = ITEMS - 1; i >= 0; i--) {
                const int l = first + threadIdx.x * ITEMS + i;
                const float dh = c[i] * g[i] + passed, through = dh * decay[i] * states[i];
                passed = decay[i] * dh;
                of_u[i] += dh * t.step[i] * b[i];
                of_step[i] += dh * t.u[i] * b[i] + through * a;
                sum += through * t.step[i];
                if (l < L) atomicAdd(dC + at + l, g[i] * states[i + 1]), atomicAdd(dB + at + l, dh * t.step[i] * t.u[i]);
            }
            sum = sum_of_block(sum, reduced);
            if (threadIdx.x == 0) carry[n] = total.factor * carry[n] + total.term, of_A[n] += sum;
        }
        for (int i = 0; i < ITEMS; i++) {
            const int l = first + threadIdx.x * ITEMS + i;
            if (l >= L) continue;
            const float e = __expf(t.raw[i]), slope = of_step[i] * (t.raw[i] > 20.f ? 1.f : e / (1.f + e));
            du[row * L + l] = rounded(of_u[i]), ddelta[row * L + l] = rounded(slope);
            of_bias += slope;
        }
    }
    of_skip = sum_of_block(of_skip, reduced), of_bias = sum_of_block(of_bias, reduced);
    if (threadIdx.x == 0) dskip[row] = of_skip, dbias[row] = of_bias;
    __syncthreads();
    for (int n = threadIdx.x; n < N; n += THREADS) dA[row * N + n] = of_A[n];
}
