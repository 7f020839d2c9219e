#include "parallel.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

// libtorch's team of threads is libgomp's. A second pool beside it would fight with its spinning threads, so its own entry is called,
// declared by hand because Swift's clang has no OpenMP. Where it is absent, Dispatch (part of every Swift program); else serial.
extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags) __attribute__((weak));
int omp_in_parallel(void) __attribute__((weak));
#if defined(__APPLE__)
void dispatch_apply_f(size_t iterations, void *queue, void *context, void (*work)(void *, size_t));
#else
void dispatch_apply_f(size_t iterations, void *queue, void *context, void (*work)(void *, size_t)) __attribute__((weak));
#endif
}

namespace {

int default_threads() {
    if (const char *wish = std::getenv("OMP_NUM_THREADS")) {
        const long threads = std::strtol(wish, nullptr, 10);
        if (threads > 0 && threads < 65536) return static_cast<int>(threads);
    }
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
    const unsigned cores = std::thread::hardware_concurrency();
    return cores > 0 ? static_cast<int>(cores) : 1;
}

std::atomic<int> chosen_threads{0};

/// One parallel call: threads draw the next index until none is left.
struct Work {
    int64_t count;
    void *context;
    void (*task)(void *, int64_t);
    std::atomic<int64_t> next{0};

    void run() {
        for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, i);
    }
};

thread_local bool inside = false;

void run_work(void *work) {
    const bool outer = inside;
    inside = true;
    static_cast<Work *>(work)->run();
    inside = outer;
}

}  // namespace

extern "C" int vmk_threads(void) {
    if (const int threads = chosen_threads.load(std::memory_order_relaxed)) return threads;
    static const int standard = default_threads();
    return standard;
}

extern "C" void vmk_set_threads(int threads) { chosen_threads.store(threads > 0 ? threads : 0, std::memory_order_relaxed); }

extern "C" void vmk_parallel(int64_t count, void *context, void (*task)(void *context, int64_t index)) {
    const int threads = vmk_threads();
    Work work{count, context, task};
    if (threads <= 1 || count <= 1 || inside || (omp_in_parallel && omp_in_parallel())) {
        work.run();
    } else if (GOMP_parallel) {
        // Always the whole team: libgomp ends the threads that a smaller team leaves out, and starts them again later.
        GOMP_parallel(run_work, &work, static_cast<unsigned>(threads), 0);
    } else if (dispatch_apply_f) {
        dispatch_apply_f(static_cast<size_t>(threads), nullptr, &work, [](void *shared, size_t) { run_work(shared); });
    } else {
        work.run();
    }
}

namespace vmk {

namespace {

struct Memory {
    void *start = nullptr;
    size_t bytes = 0;
    ~Memory() { std::free(start); }
};

thread_local Memory memories[static_cast<int>(Slot::count)];

}  // namespace

void *scratch_bytes(Slot slot, size_t bytes) {
    Memory &memory = memories[static_cast<int>(slot)];
    if (memory.bytes < bytes || !memory.start) {
        std::free(memory.start);
        memory.bytes = (bytes + 4095) / 4096 * 4096 + 4096;
        memory.start = std::aligned_alloc(4096, memory.bytes);
        if (!memory.start) throw std::bad_alloc();
    }
    return memory.start;
}

}  // namespace vmk
