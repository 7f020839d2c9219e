// Enough of CUDA for this package's kernels, on one CPU thread: a block's threads are fibers that
// run from barrier to barrier, one at a time. The order is chosen, so a kernel that lacks a barrier
// gives another result in another order. Shared memory is filled with NaN before each block and
// ends where the launch says; reading beyond it ends the program.
#pragma once
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <math.h>
#include <algorithm>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

struct float2 {
    float x, y;
};
struct float4 {
    float x, y, z, w;
};
struct uint2 {
    unsigned x, y;
};
struct Dimensions {
    unsigned x, y, z;
};
inline Dimensions threadIdx, blockIdx, gridDim;
inline float4 *emulated_shared = nullptr;  // of the launch

#define __device__
#define __forceinline__ inline
#define KERNEL(threads) void
#define KERNEL_RESIDENT(threads, blocks) void
#define DYNAMIC_SHARED(type, name) static type *&name = emulated_shared
using std::max;
using std::min;
inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}
inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}
inline float __expf(float x) { return expf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float exp2_fast(float x) { return exp2f(x); }
inline float half_to_float(unsigned short bits) {
    _Float16 value;
    std::memcpy(&value, &bits, 2);
    return static_cast<float>(value);
}

inline unsigned short float_to_half(float value) {
    const _Float16 half = static_cast<_Float16>(value);
    unsigned short bits;
    std::memcpy(&bits, &half, 2);
    return bits;
}
inline unsigned short float_to_bfloat16(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return value != value ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

namespace emulation {

enum class Waits { no, warp, block, done };
/// Entered once by its context, then left and resumed by _longjmp, which, unlike swapcontext, makes
/// no system call.
struct Fiber {
    ucontext_t context;
    jmp_buf place;
    bool entered = false;
    std::unique_ptr<char[]> stack;
    Waits waits = Waits::no;
    unsigned parity = 0;
};
inline std::vector<Fiber> fibers;
inline ucontext_t unused;
inline jmp_buf scheduler;
inline size_t current;
inline std::function<void()> body;
inline float exchanged[2][1024];
inline bool descending = false;

inline void wait(Waits what) {
    fibers[current].waits = what;
    if (_setjmp(fibers[current].place) == 0) _longjmp(scheduler, 1);
}
inline void enter() {
    body();
    wait(Waits::done);
}

inline void resume(Fiber &fiber) {
    if (_setjmp(scheduler) != 0) return;
    if (fiber.entered) _longjmp(fiber.place, 1);
    fiber.entered = true;
    swapcontext(&unused, &fiber.context);
}

/// `bytes` of shared memory; the last byte lies before an unreadable page.
inline float4 *shared_memory_of(size_t bytes) {
    constexpr size_t most = 256 << 10;  // in pages of any size
    static char *const memory = [] {
        char *all = static_cast<char *>(mmap(nullptr, 2 * most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (all == MAP_FAILED || mprotect(all + most, most, PROT_NONE) != 0) std::exit(5);
        return all;
    }();
    if (bytes > most) std::exit(2);
    return reinterpret_cast<float4 *>(memory + most - (bytes + 15) / 16 * 16);
}

/// Runs one block to its end.
inline void run_block(unsigned threads, size_t shared) {
    std::fill_n(&emulated_shared->x, (shared + 15) / 16 * 4, std::numeric_limits<float>::quiet_NaN());
    fibers.resize(std::max<size_t>(fibers.size(), threads));
    for (unsigned i = 0; i < threads; i++) {
        auto &f = fibers[i];
        if (!f.stack) f.stack.reset(new char[64 << 10]);
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.get();
        f.context.uc_stack.ss_size = 64 << 10;
        f.context.uc_link = nullptr;
        f.waits = Waits::no;
        f.entered = false;
        f.parity = 0;
        makecontext(&f.context, enter, 0);
    }
    for (;;) {
        for (unsigned i = 0; i < threads; i++) {
            const unsigned at = descending ? threads - 1 - i : i;
            if (fibers[at].waits != Waits::no) continue;
            current = at;
            threadIdx = {at, 0, 0};
            resume(fibers[at]);
        }
        size_t at_block = 0, done = 0, released = 0;
        for (unsigned i = 0; i < threads; i++) {
            at_block += fibers[i].waits == Waits::block;
            done += fibers[i].waits == Waits::done;
        }
        if (done == threads) return;
        for (unsigned warp = 0; warp < threads; warp += 32) {
            const unsigned end = std::min(warp + 32, threads);
            const auto arrived = [](const Fiber &f) { return f.waits == Waits::warp; };
            if (!std::all_of(&fibers[warp], &fibers[warp] + (end - warp), arrived)) continue;
            for (unsigned i = warp; i < end; i++) fibers[i].waits = Waits::no;
            released++;
        }
        if (at_block == threads) {
            for (unsigned i = 0; i < threads; i++) fibers[i].waits = Waits::no;
        } else if (!released) {
            std::fprintf(stderr, "not all threads reach a barrier\n");
            std::exit(1);
        }
    }
}

template <class Kernel, class Arguments, class Grid>
void launch(Kernel kernel, Grid grid, unsigned threads, size_t shared, const Arguments &arguments) {
    emulated_shared = shared_memory_of(shared);
    body = [&] { kernel(arguments); };
    gridDim = {grid.x, grid.y, grid.z};
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = {x, y, z};
                run_block(threads, shared);
            }
}

}  // namespace emulation

inline void __syncthreads() { emulation::wait(emulation::Waits::block); }
inline void __syncwarp() { emulation::wait(emulation::Waits::warp); }
namespace emulation {
/// The value that lane `from` of this warp brings to this exchange; the caller's own if there is no
/// such lane.
inline float exchange(float value, int from) {
    auto &fiber = fibers[current];
    float *slots = exchanged[fiber.parity++ % 2];
    slots[threadIdx.x] = value;
    __syncwarp();
    return from >= 0 && from < 32 ? slots[threadIdx.x / 32 * 32 + from] : value;
}
}  // namespace emulation
inline float __shfl_xor_sync(unsigned, float value, int mask) {
    return emulation::exchange(value, static_cast<int>(threadIdx.x % 32) ^ mask);
}
inline int __shfl_sync(unsigned, int value, int from) {
    float bits;
    std::memcpy(&bits, &value, 4);
    bits = emulation::exchange(bits, from % 32);
    std::memcpy(&value, &bits, 4);
    return value;
}
inline float __shfl_up_sync(unsigned, float value, int by) { return emulation::exchange(value, static_cast<int>(threadIdx.x % 32) - by); }
inline float __shfl_down_sync(unsigned, float value, int by) { return emulation::exchange(value, static_cast<int>(threadIdx.x % 32) + by); }
template <class T> T *at(T *base, int index, int bytes) {
    return reinterpret_cast<T *>(reinterpret_cast<std::uintptr_t>(base) + static_cast<long long>(index) * bytes);
}
inline float atomicAdd(float *to, float value) {
    const float before = *to;
    *to += value;
    return before;
}
