// The threads that share the kernels' work.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// The number of threads that share the work: OMP_NUM_THREADS, or the processors that this process
/// may use.
int vmk_threads(void);

/// Sets the number of threads; less than one restores the default.
void vmk_set_threads(int threads);

/// Another library's threads: calls `work(context)` on up to `threads` threads, the caller's among
/// them, and returns 1 when all have returned; or returns 0 at once if the threads are at work.
typedef int (*vmk_team)(int threads, void *context, void (*work)(void *context));

/// Shares the work over a team's threads, or over the kernels' own (NULL, the default). Results have
/// the same bits.
void vmk_set_team(vmk_team team);

/// Calls `task(context, i)` once for every i in 0..<count, divided over the threads; returns when
/// all are done.
void vmk_parallel(int64_t count, void *context, void (*task)(void *context, int64_t index));

VMK_END
