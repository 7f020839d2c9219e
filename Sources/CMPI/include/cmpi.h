// The part of MPI that training on several processes uses: start, end, gathered bytes and sums of
// gradients. Without the package's trait MPI, only cm_is_available works.
//
// No failure is silent: if MPI reports an error, or another process does not answer in time, these
// functions print the reason and end the run on all processes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cnccl.h"

#ifdef __cplusplus
extern "C" {
#endif

/// True if the package was built with MPI.
bool cm_is_available(void);

/// Joins the processes that mpirun or srun started. `patience` is the longest wait for another
/// process, in seconds; if one does not start in that time, this process ends, too. The local
/// numbers count this machine's processes. From now on a process that exits without cm_finish ends
/// all others with its own exit code. Returns false, with a reason, if MPI cannot start.
bool cm_start(double patience, int *rank, int *size, int *local_rank, int *local_size, const char **reason);
/// "Open MPI v4.1.4, …", or "" without MPI.
const char *cm_library(void);
/// Waits for all processes, then leaves MPI.
void cm_finish(void);

/// Every process's `bytes` bytes, in the order of the ranks, into `all`. Also a barrier.
void cm_gather(const void *own, size_t bytes, void *all);

/// A sum of `count` float32 values over all processes. It can be made any number of times, always
/// in the same memory.
///
/// Each process receives its share of all processes' values, adds them in float64 in the order of
/// the ranks, rounds once, and sends the sums to all. Every process gets the same bits, in every run
/// and over every network. With `bfloat16`, values travel with eight bits of mantissa: they are
/// rounded once on the way to the sum, and once on the way back.
typedef struct cm_sum *cm_sum;
cm_sum cm_sum_make(int64_t count, bool bfloat16);
void cm_sum_free(cm_sum sum);
/// The values: written before cm_sum_start, read after cm_sums_finish.
float *cm_sum_values(cm_sum sum);
/// Starts without waiting. Every process starts its sums in the same order. A thread of this library's
/// moves them while the caller does other work.
void cm_sum_start(cm_sum sum);
/// Waits for all sums that were started, `count` of them.
void cm_sums_finish(const cm_sum *sums, int64_t count);

#ifdef __cplusplus
}
#endif
