// The kernels' threads in a browser: workers that share this module's memory (CKernels/parallel.cpp
// is for everywhere else).
//
// The page starts the workers, each with a stack and thread-local memory that
// `vmunet_helper_memory` gave, and calls `vmunet_help` in them, which never returns. Where memory
// cannot be shared there are none, and all work is done where it is asked for.
#include <atomic>
#include <cstdlib>

#include "browser.h"
#include "parallel.h"

#define VMUNET_EXPORT(name) extern "C" __attribute__((export_name(#name)))

/// Told how many calls of vmk_parallel are done, for a progress bar. Only the thread that asks for
/// work calls it.
extern "C" __attribute__((import_module("page"), import_name("progress"))) void page_progress(int calls);

namespace {

struct Work {
    int64_t count = 0;
    void *context = nullptr;
    void (*task)(void *, int64_t) = nullptr;
    std::atomic<int64_t> next{0};

    void draw() {
        for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, i);
    }
};

/// One piece of work at a time, handed over through these two words. `turn` is odd while there is
/// work to be had, and `inside` counts the helpers that took it: the work's memory may be used
/// again when `turn` is even and `inside` zero.
Work work;
std::atomic<int> turn{0}, inside{0};
/// True if a helper found no memory. It cannot throw to whoever asked for the work, who would wait
/// for it.
std::atomic<bool> has_failed{false};
int threads = 1, calls = 0;
thread_local bool is_inside = false, is_helper = false;

int *word(std::atomic<int> &atomic) { return reinterpret_cast<int *>(&atomic); }

/// Waits until a word differs from `value`: a little while awake, since the next piece of work is
/// mostly microseconds away.
void wait_while(std::atomic<int> &atomic, int value) {
    for (int i = 0; i < 4000; i++)
        if (atomic.load(std::memory_order_acquire) != value) return;
    while (atomic.load(std::memory_order_acquire) == value) __builtin_wasm_memory_atomic_wait32(word(atomic), value, -1);
}

void wake(std::atomic<int> &atomic) { __builtin_wasm_memory_atomic_notify(word(atomic), 64); }

}  // namespace

extern "C" int vmk_threads(void) { return threads; }
extern "C" void vmk_set_threads(int count) { threads = count > 1 ? count : 1; }

extern "C" void vmk_parallel(int64_t count, void *context, void (*task)(void *context, int64_t index)) {
    if (threads <= 1 || count <= 1 || is_inside) {
        for (int64_t i = 0; i < count; i++) task(context, i);
    } else {
        is_inside = true;
        work.count = count, work.context = context, work.task = task;
        work.next.store(0, std::memory_order_relaxed);
        turn.fetch_add(1, std::memory_order_seq_cst);
        wake(turn);
        work.draw();
        turn.fetch_add(1, std::memory_order_seq_cst);
        for (int busy; (busy = inside.load(std::memory_order_seq_cst)) != 0;) wait_while(inside, busy);
        if (has_failed.load()) __builtin_trap();
        is_inside = false;
    }
    if (!is_inside) page_progress(++calls);
}

/// Starts counting the calls of vmk_parallel anew.
VMUNET_EXPORT(vmunet_begin_progress) void vmunet_begin_progress() { calls = 0; }

extern "C" int32_t vmunet_progress() { return calls; }

VMUNET_EXPORT(vmunet_set_threads) void vmunet_set_threads(int count) { vmk_set_threads(count); }

/// Memory for a helper's stack and thread-local variables, `bytes` of them; NULL if there is
/// none.
VMUNET_EXPORT(vmunet_helper_memory) void *vmunet_helper_memory(int bytes) { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); }

/// A helper's life.
VMUNET_EXPORT(vmunet_help) void vmunet_help() {
    is_inside = is_helper = true;
    for (int seen = 0;;) {
        wait_while(turn, seen);
        inside.fetch_add(1, std::memory_order_seq_cst);
        seen = turn.load(std::memory_order_seq_cst);
        if (seen % 2 != 0) work.draw();
        if (inside.fetch_sub(1, std::memory_order_release) == 1) wake(inside);
    }
}

namespace vmk {

namespace {

struct Memory {
    void *start = nullptr;
    size_t bytes = 0;
};

thread_local Memory memories[static_cast<int>(Slot::count)];

/// malloc of WebAssembly's C library is for one thread at a time. The thread that asks for work
/// allocates nothing else meanwhile.
std::atomic<int> is_allocating{0};

}  // namespace

void *scratch_bytes(Slot slot, size_t bytes) {
    Memory &memory = memories[static_cast<int>(slot)];
    if (memory.bytes < bytes || !memory.start) {
        while (is_allocating.exchange(1, std::memory_order_acquire) != 0) {
        }
        std::free(memory.start);
        memory.bytes = (bytes + 4095) / 4096 * 4096 + 4096;
        memory.start = std::aligned_alloc(64, memory.bytes);
        is_allocating.store(0, std::memory_order_release);
        if (!memory.start) {
            if (is_helper) {
                has_failed.store(true);
                inside.fetch_sub(1);
                wake(inside);
            }
            __builtin_trap();
        }
    }
    return memory.start;
}

}  // namespace vmk
