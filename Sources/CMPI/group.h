// Shared by this target's files: the processes that MPI has joined.
#pragma once
#include <mpi.h>
#include <pthread.h>
#include <stdbool.h>

#include "cmpi.h"

// Collective calls must start in the same order on every process of a communicator. A sum's way
// back starts once its way there has ended, sooner on one process than on another. So each kind of
// call has a communicator of its own, and sums take turns on their way back.
struct cm_group {
    int rank, size;
    MPI_Comm gathers, there, back;
    /// Held during every call of MPI: two threads call it, one at a time.
    pthread_mutex_t turn;
};
extern struct cm_group cm_group;

/// Prints what failed and why, and ends the run on all processes.
_Noreturn void cm_end_all(const char *what, const char *why);
/// Ends the run on all processes unless `status` is MPI's for success.
void cm_check(int status, const char *what);
/// Waits until `is_done(what)`, which it calls in its turn; at most as long as the user lets a process
/// wait for another.
void cm_wait_for(bool (*is_done)(void *), void *what);
/// True if an MPI_Request is complete. Called in turn.
bool cm_is_complete(void *request);
/// Ends the thread that moves sums.
void cm_stop_moving(void);
