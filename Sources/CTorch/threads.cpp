// The number of threads, and the way in which OpenMP's wait.
#include "threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
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

/// An idle team, just large enough that there is one more OpenMP thread than there are processors.
class IdleTeam {
public:
    IdleTeam() {
        if (!GOMP_parallel || !omp_get_num_procs || std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread;
        const auto hold = [](void *team) -> void * { return static_cast<IdleTeam *>(team)->hold(), nullptr; };
        if (pthread_create(&thread, nullptr, hold, this) == 0) pthread_detach(thread);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    /// For as many working threads as `threads`.
    void resize(int threads) {
        std::lock_guard lock(mutex_);
        wanted_ = threads <= 1 ? 1 : std::max(2, omp_get_num_procs() + 2 - threads);
        changed_.notify_one();
    }

private:
    void hold() {
        std::unique_lock lock(mutex_);
        for (int size = 1;;) {
            changed_.wait(lock, [&] { return wanted_ != size; });
            size = wanted_;
            lock.unlock();
            GOMP_parallel([](void *) {}, nullptr, static_cast<unsigned>(size), 0);
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    int wanted_ = 1;
};

IdleTeam &idle_team() {
    static auto *team = new IdleTeam;  // never destroyed: its thread outlives static destructors
    return *team;
}

}  // namespace

void calm_openmp() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (omp_get_num_procs) idle_team().resize(at::get_num_threads());
    });
}

}  // namespace ctorch

extern "C" {

void ct_set_threads(int count) {
    at::set_num_threads(count);
    vmk_set_threads(count);
    if (omp_get_num_procs) ctorch::idle_team().resize(at::get_num_threads());
}

int ct_threads(void) { return at::get_num_threads(); }

}  // extern "C"
