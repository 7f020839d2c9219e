// The number of threads, and the way in which OpenMP's wait.
#include "threads.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "CKernels.h"
#include "ctorch.h"
#include "libtorch.h"

// OpenMP's, by hand because Swift's clang has none. Absent if libtorch has threads of its own.
extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags) __attribute__((weak));
int omp_get_num_procs(void) __attribute__((weak));
}

namespace ctorch {

namespace {

int64_t nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

/// Nanoseconds that the calling thread was ready to run and had no processor; −1 if the system does
/// not tell.
int64_t waited() {
    char text[96] = {};
    const int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    const ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    long long ran = 0, waited = 0, slices = 0;
    return count > 0 && std::sscanf(text, "%lld %lld %lld", &ran, &waited, &slices) == 3 && slices > 0 ? waited : -1;
}

/// The thousandths of the time since its last call for which the calling thread waited for a
/// processor; 0 at its first call.
int share_waited() {
    thread_local int64_t before = 0, since = 0;
    const int64_t now = nanoseconds(), sum = waited();
    const int64_t share = since == 0 ? 0 : 1000 * (sum - before) / std::max<int64_t>(1, now - since);
    before = sum;
    since = now;
    return static_cast<int>(share);
}

/// The largest share among OpenMP's threads, which all wait for the last of them.
int largest_share_waited() {
    std::atomic<int> largest{0};
    const auto look = [](void *largest) {
        const int share = share_waited();
        auto &most = *static_cast<std::atomic<int> *>(largest);
        for (int seen = most.load(); share > seen && !most.compare_exchange_weak(seen, share);) continue;
    };
    GOMP_parallel(look, &largest, static_cast<unsigned>(at::get_num_threads()), 0);
    return largest.load();
}

/// Shares the kernels' work over OpenMP's threads. Two spinning teams would take the processors from
/// each other.
int share(int threads, void *context, void (*work)(void *)) {
    static std::atomic<bool> is_taken{false};
    if (is_taken.exchange(true, std::memory_order_acquire)) return 0;
    GOMP_parallel(work, context, static_cast<unsigned>(threads), 0);
    is_taken.store(false, std::memory_order_release);
    return 1;
}

/// An idle team, just large enough that there is one more OpenMP thread than there are processors.
class IdleTeam {
public:
    /// For as many working threads as `threads`; 0 ends it.
    void resize(int threads) {
        std::lock_guard lock(mutex_);
        wanted_ = threads <= 1 ? 0 : std::max(2, omp_get_num_procs() + 2 - threads);
        changed_.notify_one();
        if (wanted_ == 0 || is_held_) return;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread;
        const auto hold = [](void *team) -> void * { return static_cast<IdleTeam *>(team)->hold(), nullptr; };
        is_held_ = pthread_create(&thread, nullptr, hold, this) == 0;
        if (is_held_) pthread_detach(thread);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

private:
    /// A team lasts as long as the thread that made it.
    void hold() {
        std::unique_lock lock(mutex_);
        for (int size = 0; wanted_ != 0;) {
            size = wanted_;
            lock.unlock();
            GOMP_parallel([](void *) {}, nullptr, static_cast<unsigned>(size), 0);
            lock.lock();
            changed_.wait(lock, [&] { return wanted_ != size; });
        }
        is_held_ = false;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    int wanted_ = 0;
    bool is_held_ = false;
};

/// Lets OpenMP's threads spin, and work for the kernels too, while they have the processors for
/// themselves. While other programs want the processors, an idle team calms them and the kernels
/// have their own threads, which wait for none that does not come.
///
/// If a thread waits for a processor for much of the time, the machine is busy. Once none does while
/// they are calm, they spin again for a trial, at longer and longer intervals if that fails.
class Calm {
public:
    Calm() { set(!knows_); }

    /// Looks at the machine if the last look was long enough ago. Cheap enough for every operator.
    void look() {
        const int64_t now = nanoseconds();
        if (!knows_ || now < next_look_.load(std::memory_order_relaxed)) return;
        std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock || now < next_look_.load(std::memory_order_relaxed)) return;
        if (largest_share_waited() < busy) {
            crowded_ = 0;
            is_trial_ = is_calm_;
            if (is_calm_) set(false);
        } else if (is_calm_ || is_trial_) {
            calm_for_ = std::min(2 * calm_for_, longest_calm);
            is_trial_ = false;
            if (!is_calm_) set(true);
        } else if (++crowded_ == windows) {
            calm_for_ = shortest_calm;
            set(true);
        }
        next_look_.store(nanoseconds() + (is_calm_ ? calm_for_ : window), std::memory_order_relaxed);
    }

    /// Takes note of another number of threads.
    void resize() {
        std::lock_guard lock(mutex_);
        if (is_calm_) set(true);
    }

private:
    void set(bool is_calm) {
        is_calm_ = is_calm;
        vmk_set_team(is_calm ? nullptr : share);
        team_.resize(is_calm ? at::get_num_threads() : 0);
    }

    /// In nanoseconds.
    static constexpr int64_t window = 50'000'000, shortest_calm = 500'000'000, longest_calm = 8'000'000'000;
    /// Thousandths of the time: a thread on a quiet machine waits for a few, one beside a busy
    /// program for some 500.
    static constexpr int busy = 150;
    /// Busy windows in a row before a calm. A program that runs for a moment is none to step aside
    /// for.
    static constexpr int windows = 3;

    /// Without the system's word, the machine counts as busy.
    const bool knows_ = waited() >= 0;
    std::atomic<int64_t> next_look_{0};
    std::mutex mutex_;
    IdleTeam team_;
    bool is_calm_ = false;
    /// True in the first window after a calm.
    bool is_trial_ = false;
    int crowded_ = 0;
    int64_t calm_for_ = shortest_calm;
};

/// Null if OpenMP is absent, or the user has said how its threads wait.
Calm *calm() {
    static auto *calm = GOMP_parallel && omp_get_num_procs && !std::getenv("OMP_WAIT_POLICY") && !std::getenv("GOMP_SPINCOUNT")
        ? new Calm  // never destroyed: its thread outlives static destructors
        : nullptr;
    return calm;
}

}  // namespace

void calm_openmp() {
    if (auto *calm = ctorch::calm()) calm->look();
}

}  // namespace ctorch

extern "C" {

void ct_set_threads(int count) {
    at::set_num_threads(count);
    vmk_set_threads(count);
    if (auto *calm = ctorch::calm()) calm->resize();
}

int ct_threads(void) { return at::get_num_threads(); }

}  // extern "C"
