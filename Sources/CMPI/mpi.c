#define _GNU_SOURCE  // on_exit
#include "cmpi.h"

#ifndef VMUNET_MPI

bool cm_is_available(void) { return false; }
bool cm_start(double patience, int *rank, int *size, int *local_rank, int *local_size, const char **reason) {
    (void)patience, (void)rank, (void)size, (void)local_rank, (void)local_size;
    *reason = "the program was built without MPI";
    return false;
}
const char *cm_library(void) { return ""; }
void cm_finish(void) {}
void cm_gather(const void *own, size_t bytes, void *all) { (void)own, (void)bytes, (void)all; }

#else

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "group.h"
#include "launcher.h"

struct cm_group cm_group = {.turn = PTHREAD_MUTEX_INITIALIZER};
static double longest_wait;
static bool is_started = false;
/// True once every process has answered.
static atomic_bool has_met = false;

bool cm_is_available(void) { return true; }

_Noreturn void cm_end_all(const char *what, const char *why) {
    fprintf(stderr, "error: process %d of %d: %s%s\n", cm_group.rank, cm_group.size, what, why);
    fflush(NULL);
    is_started = false;
    // Held already if a call of MPI failed.
    for (int i = 0; i < 100 && pthread_mutex_trylock(&cm_group.turn) != 0; i++) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    cm_end_launcher_soon();
    MPI_Abort(MPI_COMM_WORLD, 70);
    _Exit(70);
}

void cm_check(int status, const char *what) {
    if (status == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(status, text, &length);
    cm_end_all(what, text);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/// Waits until `is_done(what)`. Spins for the first millisecond, for latency; then leaves the core
/// to threads that compute.
void cm_wait_for(bool (*is_done)(void *), void *what) {
    const double start = seconds();
    for (;;) {
        pthread_mutex_lock(&cm_group.turn);
        const bool done = is_done(what);
        pthread_mutex_unlock(&cm_group.turn);
        if (done) return;
        const double waited = seconds() - start;
        if (waited > longest_wait) {
            char text[240];
            snprintf(
                text, sizeof text,
                "another process has not answered for %.0f s; it has died, or is cut off. The last checkpoint is whole: go on with "
                "--resume. mpirun is ended in %d s, if it waits for a lost machine",
                waited, CM_LAUNCHER_PATIENCE);
            cm_end_all("", text);
        }
        if (waited < 1e-3) {
            sched_yield();
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
        }
    }
}

static void at_exit(int status, void *nothing) {
    (void)nothing;
    if (!is_started) return;
    is_started = false;
    fflush(NULL);
    pthread_mutex_lock(&cm_group.turn);
    MPI_Abort(MPI_COMM_WORLD, status == 0 ? 70 : status);
}

#ifndef __linux__
static void at_plain_exit(void) { at_exit(70, NULL); }
#endif

/// Ends this process if the start takes longer than `longest_wait`: MPI_Init waits for every process
/// without a limit of its own.
static void *watch_start(void *nothing) {
    (void)nothing;
    const double start = seconds();
    // The first to end ends the others, so that one tells of it.
    const char *const number = getenv("OMPI_COMM_WORLD_RANK") ? getenv("OMPI_COMM_WORLD_RANK") : getenv("PMI_RANK");
    const double patience = longest_wait + (number && strcmp(number, "0") != 0 ? 3 : 0);
    while (seconds() - start < patience) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        if (atomic_load(&has_met)) return NULL;
    }
    fprintf(
        stderr,
        "error: another process has not started within %.0f s; see what holds it up on its machine, or give more time with "
        "--peer-timeout\n",
        longest_wait);
    fflush(NULL);
    cm_end_launcher_soon();
    _Exit(70);
}

bool cm_start(double patience, int *rank, int *size, int *local_rank, int *local_size, const char **reason) {
    longest_wait = patience;
    pthread_t watch;
    if (pthread_create(&watch, NULL, watch_start, NULL) == 0) pthread_detach(watch);
    int provided = 0;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS || provided < MPI_THREAD_SERIALIZED) {
        *reason = "MPI_Init_thread failed";
        return false;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    cm_check(MPI_Comm_rank(MPI_COMM_WORLD, &cm_group.rank), "MPI_Comm_rank: ");
    cm_check(MPI_Comm_size(MPI_COMM_WORLD, &cm_group.size), "MPI_Comm_size: ");
    MPI_Comm *const all[] = {&cm_group.gathers, &cm_group.there, &cm_group.back};
    for (int i = 0; i < 3; i++) cm_check(MPI_Comm_dup(MPI_COMM_WORLD, all[i]), "MPI_Comm_dup: ");
    MPI_Comm local;
    cm_check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, cm_group.rank, MPI_INFO_NULL, &local), "MPI_Comm_split_type: ");
    cm_check(MPI_Comm_rank(local, local_rank), "MPI_Comm_rank: ");
    cm_check(MPI_Comm_size(local, local_size), "MPI_Comm_size: ");
    cm_check(MPI_Comm_free(&local), "MPI_Comm_free: ");
    (*rank = cm_group.rank, *size = cm_group.size);
    atomic_store(&has_met, true);
    is_started = true;
#ifdef __linux__
    on_exit(at_exit, NULL);
#else
    atexit(at_plain_exit);
#endif
    return true;
}

const char *cm_library(void) {
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    return text;
}

bool cm_is_complete(void *request) {
    int done = 0;
    cm_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), "MPI_Test: ");
    return done;
}

void cm_gather(const void *own, size_t bytes, void *all) {
    MPI_Request request;
    pthread_mutex_lock(&cm_group.turn);
    cm_check(MPI_Iallgather(own, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, cm_group.gathers, &request), "MPI_Iallgather: ");
    pthread_mutex_unlock(&cm_group.turn);
    cm_wait_for(cm_is_complete, &request);
}

void cm_finish(void) {
    if (!is_started) return;
    char own = 0, *all = malloc((size_t)cm_group.size);
    cm_gather(&own, 1, all);
    free(all);
    is_started = false;
    cm_stop_moving();
    MPI_Finalize();
}

#endif
