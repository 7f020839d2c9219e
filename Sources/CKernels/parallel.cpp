#include "parallel.h"

#include <atomic>
#include <cstdlib>
#include <exception>
#include <new>
#include <thread>

#include "pool.h"

#if defined(__linux__)
#include <sched.h>
#endif

// libtorch's own operators are divided over OpenMP's threads. One that calls a kernel has the
// processors already.
extern "C" int omp_in_parallel(void) __attribute__((weak));

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
std::atomic<vmk_team> chosen_team{nullptr};

thread_local bool inside = false;

/// One parallel call: threads draw the next index until none is left.
struct Work {
    int64_t count;
    void *context;
    void (*task)(void *, int64_t);
    std::atomic<int64_t> next{0};
#if defined(__cpp_exceptions)
    std::atomic<bool> failed{false};
    std::exception_ptr failure{};
#endif

    void draw() {
        for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, i);
    }

    /// A helper has no caller to throw to. What goes wrong there, memory that cannot be had, is
    /// thrown by the thread that asked for the work.
    void run() {
        const bool outer = inside;
        inside = true;
#if defined(__cpp_exceptions)
        try {
            draw();
        } catch (...) {
            next.store(count, std::memory_order_relaxed);
            if (!failed.exchange(true)) failure = std::current_exception();
        }
#else
        draw();
#endif
        inside = outer;
    }
};

}  // namespace

extern "C" int vmk_threads(void) {
    if (const int threads = chosen_threads.load(std::memory_order_relaxed)) return threads;
    static const int standard = default_threads();
    return standard;
}

extern "C" void vmk_set_threads(int threads) { chosen_threads.store(threads > 0 ? threads : 0, std::memory_order_relaxed); }

extern "C" void vmk_set_team(vmk_team team) { chosen_team.store(team, std::memory_order_relaxed); }

extern "C" void vmk_parallel(int64_t count, void *context, void (*task)(void *context, int64_t index)) {
    const int64_t threads = count < vmk_threads() ? count : vmk_threads();
    if (threads <= 1 || inside || (omp_in_parallel && omp_in_parallel())) {
        for (int64_t i = 0; i < count; i++) task(context, i);
        return;
    }
    Work work{count, context, task};
    const auto run = [](void *work) { static_cast<Work *>(work)->run(); };
    const vmk_team team = chosen_team.load(std::memory_order_relaxed);
    if (!team || !team(static_cast<int>(threads), &work, run)) vmk::work_together(static_cast<int>(threads - 1), &work, run);
#if defined(__cpp_exceptions)
    if (work.failure) std::rethrow_exception(work.failure);
#endif
}

namespace vmk {

namespace {

struct Memory {
    void *start = nullptr;
    size_t bytes = 0;
    ~Memory() { vmk_free(start); }
};

thread_local Memory memories[static_cast<int>(Slot::count)];

}  // namespace

void *scratch_bytes(Slot slot, size_t bytes) {
    Memory &memory = memories[static_cast<int>(slot)];
    if (memory.bytes < bytes || !memory.start) {
        vmk_free(memory.start);
        memory.bytes = (bytes + 4095) / 4096 * 4096 + 4096;
        memory.start = vmk_allocate(static_cast<int64_t>(memory.bytes));
        if (!memory.start) throw std::bad_alloc();
    }
    return memory.start;
}

}  // namespace vmk
