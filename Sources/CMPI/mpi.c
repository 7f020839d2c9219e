#define _GNU_SOURCE  // on_exit
#include "cmpi.h"

#ifndef VMUNET_MPI

bool cm_is_available(void) { return false; }
bool cm_start(double patience, int *rank, int *size, int *local_size, const char **reason) {
    (void)patience, (void)rank, (void)size, (void)local_size;
    *reason = "the program was built without MPI";
    return false;
}
const char *cm_library(void) { return ""; }
void cm_finish(void) {}
void cm_gather(const void *own, size_t bytes, void *all) { (void)own, (void)bytes, (void)all; }
cm_sum cm_sum_make(int64_t count, bool bfloat16) {
    (void)count, (void)bfloat16;
    return NULL;
}
void cm_sum_free(cm_sum sum) { (void)sum; }
float *cm_sum_values(cm_sum sum) { return (float *)sum; }
void cm_sum_start(cm_sum sum) { (void)sum; }
bool cm_sum_advance(cm_sum sum) { return sum == NULL; }
void cm_sums_finish(const cm_sum *sums, int64_t count) { (void)sums, (void)count; }

#else

#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Collective calls must start in the same order on every process of a communicator. A sum's way
// back starts once its way there has ended, sooner on one process than on another. So each kind of
// call has a communicator of its own, and sums take turns on their way back.
static MPI_Comm gathers, there, back;
static int64_t sums_started, sums_sent_back;
static int own_rank, processes;
static double longest_wait;
static bool is_started = false;

bool cm_is_available(void) { return true; }

static _Noreturn void end_all(const char *what, const char *why) {
    fprintf(stderr, "error: process %d of %d: %s%s\n", own_rank, processes, what, why);
    fflush(NULL);
    is_started = false;
    MPI_Abort(MPI_COMM_WORLD, 70);
    _Exit(70);
}

static void check(int status, const char *what) {
    if (status == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(status, text, &length);
    end_all(what, text);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/// Waits until `is_done(what)`. Spins for the first millisecond, for latency; then leaves the core
/// to threads that compute.
static void wait_for(bool (*is_done)(void *), void *what) {
    const double start = seconds();
    while (!is_done(what)) {
        const double waited = seconds() - start;
        if (waited > longest_wait) {
            char text[200];
            snprintf(
                text, sizeof text,
                "another process has not answered for %.0f s; it has died, or is cut off. The last checkpoint is whole: go on with "
                "--resume",
                waited);
            end_all("", text);
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
    MPI_Abort(MPI_COMM_WORLD, status == 0 ? 70 : status);
}

#ifndef __linux__
static void at_plain_exit(void) { at_exit(70, NULL); }
#endif

bool cm_start(double patience, int *rank, int *size, int *local_size, const char **reason) {
    int provided = 0;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS || provided < MPI_THREAD_FUNNELED) {
        *reason = "MPI_Init_thread failed";
        return false;
    }
    longest_wait = patience;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &own_rank), "MPI_Comm_rank: ");
    check(MPI_Comm_size(MPI_COMM_WORLD, &processes), "MPI_Comm_size: ");
    MPI_Comm *const all[] = {&gathers, &there, &back};
    for (int i = 0; i < 3; i++) check(MPI_Comm_dup(MPI_COMM_WORLD, all[i]), "MPI_Comm_dup: ");
    MPI_Comm local;
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, own_rank, MPI_INFO_NULL, &local), "MPI_Comm_split_type: ");
    check(MPI_Comm_size(local, local_size), "MPI_Comm_size: ");
    check(MPI_Comm_free(&local), "MPI_Comm_free: ");
    (*rank = own_rank, *size = processes);
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

static bool is_complete(void *request) {
    int done = 0;
    check(MPI_Test(request, &done, MPI_STATUS_IGNORE), "MPI_Test: ");
    return done;
}

void cm_gather(const void *own, size_t bytes, void *all) {
    MPI_Request request;
    check(MPI_Iallgather(own, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, gathers, &request), "MPI_Iallgather: ");
    wait_for(is_complete, &request);
}

void cm_finish(void) {
    if (!is_started) return;
    char own = 0, *all = malloc((size_t)processes);
    cm_gather(&own, 1, all);
    free(all);
    is_started = false;
    MPI_Finalize();
}

// ---- sums

struct cm_sum {
    int64_t count, share;  // share: the values that each process adds
    bool bfloat16;
    enum { IDLE, THERE, BACK } state;
    int64_t number;  // in the order in which sums were started
    MPI_Request request;
    float *values;                   // [processes · share]
    float *received;                 // [processes · share], float32
    float *own;                      // [share]
    uint16_t *wire, *wire_received;  // [processes · share], bfloat16
};

static uint16_t rounded(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);  // NaN stays NaN
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static float widened(uint16_t value) {
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, 4);
    return result;
}

static void *memory(int64_t count, size_t size) {
    void *result = calloc((size_t)(count > 0 ? count : 1), size);
    if (!result) end_all("", "not enough memory for the sums of gradients; lower --batch-size");
    return result;
}

cm_sum cm_sum_make(int64_t count, bool bfloat16) {
    cm_sum sum = memory(1, sizeof *sum);
    sum->count = count;
    sum->share = (count + processes - 1) / processes;
    sum->bfloat16 = bfloat16;
    const int64_t all = sum->share * processes;
    sum->values = memory(all, sizeof(float));
    sum->own = memory(sum->share, sizeof(float));
    if (bfloat16) {
        sum->wire = memory(all, sizeof(uint16_t));
        sum->wire_received = memory(all, sizeof(uint16_t));
    } else {
        sum->received = memory(all, sizeof(float));
    }
    return sum;
}

void cm_sum_free(cm_sum sum) {
    free(sum->values), free(sum->received), free(sum->own), free(sum->wire), free(sum->wire_received);
    free(sum);
}

float *cm_sum_values(cm_sum sum) { return sum->values; }

void cm_sum_start(cm_sum sum) {
    const int share = (int)sum->share;
    if (sum->bfloat16) {
        for (int64_t i = 0; i < sum->count; i++) sum->wire[i] = rounded(sum->values[i]);
        check(
            MPI_Ialltoall(sum->wire, share, MPI_UINT16_T, sum->wire_received, share, MPI_UINT16_T, there, &sum->request),
            "MPI_Ialltoall: ");
    } else {
        check(MPI_Ialltoall(sum->values, share, MPI_FLOAT, sum->received, share, MPI_FLOAT, there, &sum->request), "MPI_Ialltoall: ");
    }
    sum->state = THERE;
    sum->number = sums_started++;
}

/// Adds in the order of the ranks.
static void add(cm_sum sum) {
    for (int64_t i = 0; i < sum->share; i++) {
        double total = 0;
        for (int r = 0; r < processes; r++) {
            const int64_t at = r * sum->share + i;
            total += sum->bfloat16 ? widened(sum->wire_received[at]) : sum->received[at];
        }
        sum->own[i] = (float)total;
    }
}

static void send_back(cm_sum sum) {
    const int share = (int)sum->share;
    add(sum);
    if (sum->bfloat16) {
        uint16_t *own = sum->wire;
        for (int64_t i = 0; i < sum->share; i++) own[i] = rounded(sum->own[i]);
        check(MPI_Iallgather(own, share, MPI_UINT16_T, sum->wire_received, share, MPI_UINT16_T, back, &sum->request), "MPI_Iallgather: ");
    } else {
        check(MPI_Iallgather(sum->own, share, MPI_FLOAT, sum->values, share, MPI_FLOAT, back, &sum->request), "MPI_Iallgather: ");
    }
    sum->state = BACK;
    sums_sent_back++;
}

bool cm_sum_advance(cm_sum sum) {
    if (sum->state == IDLE) return true;
    if (!is_complete(&sum->request)) return false;
    if (sum->state == THERE) {
        if (sum->number == sums_sent_back) send_back(sum);
        return false;
    }
    if (sum->bfloat16) {
        for (int64_t i = 0; i < sum->count; i++) sum->values[i] = widened(sum->wire_received[i]);
    }
    sum->state = IDLE;
    return true;
}

struct several {
    const cm_sum *sums;
    int64_t count;
};

/// Advances every sum: the way back of one must not wait for the end of another.
static bool are_finished(void *what) {
    const struct several *all = what;
    bool done = true;
    for (int64_t i = 0; i < all->count; i++) done = cm_sum_advance(all->sums[i]) && done;
    return done;
}

void cm_sums_finish(const cm_sum *sums, int64_t count) { wait_for(are_finished, &(struct several){sums, count}); }

#endif
