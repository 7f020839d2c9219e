#include "cmpi.h"

#ifndef VMUNET_MPI

cm_sum cm_sum_make(int64_t count, bool bfloat16) {
    (void)count, (void)bfloat16;
    return NULL;
}
void cm_sum_free(cm_sum sum) { (void)sum; }
float *cm_sum_values(cm_sum sum) { return (float *)sum; }
void cm_sum_start(cm_sum sum) { (void)sum; }
void cm_sums_finish(const cm_sum *sums, int64_t count) { (void)sums, (void)count; }

#else

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "group.h"

// Sums that are under way, in the order in which they started.
static cm_sum first, last;
static int64_t sums_started, sums_sent_back;

static pthread_t mover;
static pthread_cond_t started = PTHREAD_COND_INITIALIZER;
static bool is_moving, has_thread, must_end;
static void start_moving(void);

struct cm_sum {
    int64_t count, share;  // share: the values that each process adds
    bool bfloat16;
    enum { IDLE, THERE, BACK } state;
    int64_t number;  // in the order in which sums were started
    cm_sum next;     // the one started after it
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
    if (!result) cm_end_all("", "not enough memory for the sums of gradients; lower --batch-size");
    return result;
}

cm_sum cm_sum_make(int64_t count, bool bfloat16) {
    cm_sum sum = memory(1, sizeof *sum);
    sum->count = count;
    sum->share = (count + cm_group.size - 1) / cm_group.size;
    sum->bfloat16 = bfloat16;
    const int64_t all = sum->share * cm_group.size;
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
    if (sum->bfloat16)
        for (int64_t i = 0; i < sum->count; i++) sum->wire[i] = rounded(sum->values[i]);
    pthread_mutex_lock(&cm_group.turn);
    if (sum->bfloat16) {
        cm_check(
            MPI_Ialltoall(sum->wire, share, MPI_UINT16_T, sum->wire_received, share, MPI_UINT16_T, cm_group.there, &sum->request),
            "MPI_Ialltoall: ");
    } else {
        cm_check(
            MPI_Ialltoall(sum->values, share, MPI_FLOAT, sum->received, share, MPI_FLOAT, cm_group.there, &sum->request),
            "MPI_Ialltoall: ");
    }
    sum->state = THERE;
    sum->number = sums_started++;
    sum->next = NULL;
    if (last)
        last->next = sum;
    else
        first = sum;
    last = sum;
    if (!is_moving) start_moving();
    pthread_cond_signal(&started);
    pthread_mutex_unlock(&cm_group.turn);
}

/// Adds in the order of the ranks.
static void add(cm_sum sum) {
    for (int64_t i = 0; i < sum->share; i++) {
        double total = 0;
        for (int r = 0; r < cm_group.size; r++) {
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
        cm_check(
            MPI_Iallgather(own, share, MPI_UINT16_T, sum->wire_received, share, MPI_UINT16_T, cm_group.back, &sum->request),
            "MPI_Iallgather: ");
    } else {
        cm_check(
            MPI_Iallgather(sum->own, share, MPI_FLOAT, sum->values, share, MPI_FLOAT, cm_group.back, &sum->request), "MPI_Iallgather: ");
    }
    sum->state = BACK;
    sums_sent_back++;
}

/// Makes progress without waiting. Called in turn.
static void advance(cm_sum sum) {
    if (!cm_is_complete(&sum->request)) return;
    if (sum->state == THERE) {
        if (sum->number == sums_sent_back) send_back(sum);
        return;
    }
    sum->state = IDLE;
}

/// Advances every sum: the way back of one must not wait for the end of another. Returns true once
/// none is under way. Called in turn.
static bool are_done(void *nothing) {
    (void)nothing;
    for (cm_sum sum = first; sum; sum = sum->next) advance(sum);
    // They end in the order in which they started.
    while (first && first->state == IDLE) first = first->next;
    if (!first) last = NULL;
    return first == NULL;
}

void cm_sums_finish(const cm_sum *sums, int64_t count) {
    cm_wait_for(are_done, NULL);
    for (int64_t i = 0; i < count; i++) {
        cm_sum sum = sums[i];
        if (sum->bfloat16)
            for (int64_t k = 0; k < sum->count; k++) sum->values[k] = widened(sum->wire_received[k]);
    }
}

// MPI makes progress only within its calls, and between two gradients lies a layer's work. This thread
// calls it meanwhile.

static void *keep_moving(void *nothing) {
    pthread_mutex_lock(&cm_group.turn);
    while (!must_end) {
        if (are_done(nothing)) {
            pthread_cond_wait(&started, &cm_group.turn);
            continue;
        }
        pthread_mutex_unlock(&cm_group.turn);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        pthread_mutex_lock(&cm_group.turn);
    }
    pthread_mutex_unlock(&cm_group.turn);
    return NULL;
}

/// Without a thread, sums move while they are waited for.
static void start_moving(void) {
    is_moving = true;
    has_thread = pthread_create(&mover, NULL, keep_moving, NULL) == 0;
}

void cm_stop_moving(void) {
    pthread_mutex_lock(&cm_group.turn);
    must_end = true;
    pthread_cond_signal(&started);
    pthread_mutex_unlock(&cm_group.turn);
    if (has_thread) pthread_join(mover, NULL);
}

#endif
