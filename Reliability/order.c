// Tells ThreadSanitizer about orders that it cannot see, since the libraries that make them are not
// instrumented: an OpenMP team's start and end, and the slow path of Swift's `Mutex`.
//
// sanitize.sh preloads it, so that these definitions come before the libraries' own.
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

// ThreadSanitizer's runtime has them. Absent in the other programs that the preload reaches.
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

static void acquire(void *address) {
    if (__tsan_acquire) __tsan_acquire(address);
}

static void release(void *address) {
    if (__tsan_release) __tsan_release(address);
}

static void *next(const char *symbol) {
    void *found = dlsym(RTLD_NEXT, symbol);
    if (!found) abort();
    return found;
}

// OpenMP: what was done before a team starts is done before its threads' work, and that before the
// team's end.

struct Team {
    void (*body)(void *);
    void *data;
};

static void run(void *data) {
    struct Team *team = data;
    acquire(team);
    team->body(team->data);
    release(team);
}

void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags) {
    void (*const original)(void (*)(void *), void *, unsigned, unsigned) = (void (*)(void (*)(void *), void *, unsigned, unsigned))next("GOMP_parallel");
    struct Team team = {body, data};
    release(&team);
    original(run, &team, threads, flags);
    acquire(&team);
}

// Swift's Mutex: its fast path is inlined, and so instrumented, in the code that locks. The slow one
// lets the kernel hand the lock over. The handle comes in the register of Swift's `self`.

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *handle

SWIFT void lock_slow(uint32_t thread, SELF) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void unlock_slow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
SWIFT bool try_lock_slow(SELF) __asm__("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");

SWIFT void lock_slow(uint32_t thread, SELF) {
    typedef SWIFT void Original(uint32_t, SELF);
    ((Original *)next("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"))(thread, handle);
    acquire(handle);
}

SWIFT void unlock_slow(SELF) {
    typedef SWIFT void Original(SELF);
    release(handle);
    ((Original *)next("$s15Synchronization12_MutexHandleV11_unlockSlowyyF"))(handle);
}

SWIFT bool try_lock_slow(SELF) {
    typedef SWIFT bool Original(SELF);
    const bool is_locked = ((Original *)next("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"))(handle);
    if (is_locked) acquire(handle);
    return is_locked;
}
