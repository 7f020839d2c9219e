// Idle threads spin for about as long as the pause between two kernels, then sleep in a futex. If
// other programs want the processors, they sleep almost at once. OpenMP's threads spin regardless,
// and all of them must take part in every piece of work, which on a busy machine made everything up
// to twenty times slower.
#include "pool.h"

#if defined(__linux__)

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace vmk {

namespace {

void sleep_while(const std::atomic<uint32_t> &word, uint32_t value) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void wake(const std::atomic<uint32_t> &word, int threads) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0); }

int64_t nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void breathe() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Nanoseconds that a thread spins before it sleeps. Waking it takes longer than most
/// pauses between two kernels, so it spins for about such a pause, but only briefly if other
/// programs want the processors.
constexpr int64_t long_patience = 1000000, short_patience = 20000;
/// If two checks lie this far apart, another program ran in between, and is assumed to stay for a
/// while.
constexpr int64_t interruption = 100000, crowded_for = 100000000;

class Patience {
public:
    /// Spins until the condition holds or patience runs out.
    template <class Condition> bool spin_until(const Condition &holds) {
        if (holds()) return true;
        if (none_.load(std::memory_order_relaxed)) return false;
        const int64_t begin = nanoseconds();
        const int64_t patience = begin < crowded_until_.load(std::memory_order_relaxed) ? short_patience : long_patience;
        for (int64_t before = begin; before - begin < patience;) {
            for (int look = 0; look < 16; look++) {
                if (holds()) return true;
                breathe();
            }
            const int64_t now = nanoseconds();
            if (now - before > interruption) {
                crowded_until_.store(now + crowded_for, std::memory_order_relaxed);
                return holds();
            }
            before = now;
        }
        return false;
    }

    /// No spinning if there are more threads than processors, or if OMP_WAIT_POLICY=passive asks
    /// for none.
    void set_none(bool none) { none_.store(none || passive_, std::memory_order_relaxed); }

private:
    static bool is_passive() {
        const char *policy = std::getenv("OMP_WAIT_POLICY");
        return policy && strcasecmp(policy, "passive") == 0;
    }

    std::atomic<int64_t> crowded_until_{0};
    std::atomic<bool> none_{false};
    const bool passive_ = is_passive();
};

/// The door to the work: how many helpers are inside, how many more may come in, and whether the
/// caller sleeps until the last one has left. A helper inside keeps the caller, and thus the work,
/// alive.
constexpr uint32_t inside_mask = 0xffff, seat = 1u << 16, seats_mask = 0x7fff0000, caller_sleeps = 1u << 31;
constexpr int most_helpers = 0x7fff;

class Team {
public:
    void work_together(int helpers, void *context, void (*work)(void *)) {
        if (taken_.exchange(true, std::memory_order_acquire)) return work(context);
        hire(std::min(helpers, most_helpers));
        helpers = std::min(helpers, hired_);
        patience_.set_none(helpers >= processors_);
        work_ = work;
        context_ = context;
        door_.store(static_cast<uint32_t>(helpers) * seat);
        posted_.fetch_add(1);
        if (sleepers_.load() > 0) wake(posted_, helpers);

        work(context);

        door_.fetch_and(~seats_mask, std::memory_order_acq_rel);
        const auto empty = [this] { return (door_.load(std::memory_order_acquire) & inside_mask) == 0; };
        if (!patience_.spin_until(empty)) {
            door_.fetch_or(caller_sleeps, std::memory_order_acq_rel);
            for (uint32_t door; (door = door_.load(std::memory_order_acquire)) & inside_mask;) sleep_while(door_, door);
        }
        taken_.store(false, std::memory_order_release);
    }

private:
    void help() {
        for (;;) {
            while (enter()) {
                work_(context_);
                leave();
            }
            if (patience_.spin_until([this] { return door_.load(std::memory_order_relaxed) & seats_mask; })) continue;
            // This order pairs with the caller's (door, posted, sleepers): either this thread sees
            // the seats or the caller sees a sleeper.
            const uint32_t seen = posted_.load();
            sleepers_.fetch_add(1);
            if (!(door_.load() & seats_mask)) sleep_while(posted_, seen);
            sleepers_.fetch_sub(1);
        }
    }

    bool enter() {
        uint32_t door = door_.load(std::memory_order_relaxed);
        while (door & seats_mask) {
            if (door_.compare_exchange_weak(door, door - seat + 1, std::memory_order_acq_rel, std::memory_order_relaxed)) return true;
        }
        return false;
    }

    void leave() {
        const uint32_t before = door_.fetch_sub(1, std::memory_order_acq_rel);
        if ((before & inside_mask) == 1 && before & caller_sleeps) wake(door_, 1);
    }

    /// Starts threads until there are `helpers`, or the system allows no more. Signals go to the
    /// program's own threads.
    void hire(int helpers) {
        if (hired_ >= helpers) return;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (; hired_ < helpers; hired_++) {
            pthread_t thread;
            const auto begin = [](void *team) -> void * { return static_cast<Team *>(team)->help(), nullptr; };
            if (pthread_create(&thread, nullptr, begin, this) != 0) break;
            pthread_detach(thread);
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    static int count_processors() {
        cpu_set_t set;
        return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    }

    alignas(64) std::atomic<uint32_t> door_{0};
    void (*work_)(void *) = nullptr;
    void *context_ = nullptr;
    alignas(64) std::atomic<uint32_t> posted_{0};  // changes with every piece of work; idle threads sleep on it
    std::atomic<uint32_t> sleepers_{0};
    Patience patience_;
    alignas(64) std::atomic<bool> taken_{false};
    int hired_ = 0;  // the taker's
    const int processors_ = count_processors();
};

}  // namespace

void work_together(int helpers, void *context, void (*work)(void *)) {
    static auto *team = new Team;  // never destroyed: its threads outlive static destructors
    team->work_together(helpers, context, work);
}

}  // namespace vmk

#elif defined(__APPLE__)

#include <cstddef>

extern "C" void dispatch_apply_f(size_t iterations, void *queue, void *context, void (*work)(void *, size_t));

namespace vmk {

void work_together(int helpers, void *context, void (*work)(void *)) {
    struct Call {
        void *context;
        void (*work)(void *);
    } call{context, work};
    dispatch_apply_f(static_cast<size_t>(helpers) + 1, nullptr, &call, [](void *shared, size_t) {
        const Call &call = *static_cast<Call *>(shared);
        call.work(call.context);
    });
}

}  // namespace vmk

#else  // WebAssembly and whatever else: one thread

namespace vmk {

void work_together(int, void *context, void (*work)(void *)) { work(context); }

}  // namespace vmk

#endif
