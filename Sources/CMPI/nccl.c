#include "cnccl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// From nccl.h, which has kept these since version 2.7.
typedef struct ncclComm *ncclComm_t;
typedef struct {
    char internal[CN_ID_BYTES];
} ncclUniqueId;
enum { ncclInt8 = 0, ncclSuccess = 0, ncclInProgress = 7 };

static struct {
    int (*version)(int *);
    int (*make_id)(ncclUniqueId *);
    int (*join)(ncclComm_t *, int, ncclUniqueId, int);
    int (*leave)(ncclComm_t), (*abort)(ncclComm_t);
    int (*async_error)(ncclComm_t, int *);
    int (*send)(const void *, size_t, int, int, ncclComm_t, void *);
    int (*receive)(void *, size_t, int, int, ncclComm_t, void *);
    int (*gather)(const void *, void *, size_t, int, ncclComm_t, void *);
    int (*group_start)(void), (*group_end)(void);
    const char *(*text)(int);
    // The driver's: 0 if the stream's work is done, 600 if it is not.
    int (*stream_query)(void *);
} nccl;
static bool is_open = false;

struct cn_group {
    ncclComm_t comm;
    int size;
};

static bool failed(const char **reason, const char *what, const char *why) {
    static _Thread_local char text[512];
    snprintf(text, sizeof text, "%s%s", what, why ? why : "unknown error");
    *reason = text;
    return false;
}

static bool done(int status, const char *what, const char **reason) {
    return status == ncclSuccess || failed(reason, what, nccl.text(status));
}

bool cn_open(const char *path, const char **reason) {
    if (is_open && !path) return true;
    void *library = dlopen(path ? path : "libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library) return failed(reason, "", dlerror());
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"ncclGetVersion", &nccl.version}, {"ncclGetUniqueId", &nccl.make_id},
        {"ncclCommInitRank", &nccl.join},  {"ncclCommDestroy", &nccl.leave},
        {"ncclCommAbort", &nccl.abort},    {"ncclCommGetAsyncError", &nccl.async_error},
        {"ncclSend", &nccl.send},          {"ncclRecv", &nccl.receive},
        {"ncclAllGather", &nccl.gather},   {"ncclGroupStart", &nccl.group_start},
        {"ncclGroupEnd", &nccl.group_end}, {"ncclGetErrorString", &nccl.text},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function) return failed(reason, path ? path : "libnccl.so.2", " lacks a function of NCCL 2.7 or newer");
        memcpy(functions[i].place, &function, sizeof function);
    }
    // The GPU's driver is open by now, if there is one.
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    void *query = driver ? dlsym(driver, "cuStreamQuery") : NULL;
    memcpy(&nccl.stream_query, &query, sizeof query);
    is_open = true;
    return true;
}

int cn_version(void) {
    int version = 0;
    return is_open && nccl.version(&version) == ncclSuccess ? version : 0;
}

bool cn_make_id(uint8_t *id, const char **reason) {
    ncclUniqueId made;
    if (!done(nccl.make_id(&made), "NCCL finds no network: ", reason)) return false;
    memcpy(id, &made, CN_ID_BYTES);
    return true;
}

bool cn_join(const uint8_t *id, int rank, int size, cn_group *group, const char **reason) {
    ncclUniqueId whole;
    memcpy(&whole, id, CN_ID_BYTES);
    ncclComm_t comm = NULL;
    if (!done(nccl.join(&comm, size, whole, rank), "NCCL cannot join the GPUs: ", reason)) return false;
    *group = malloc(sizeof **group);
    if (!*group) return failed(reason, "", "no memory");
    (*group)->comm = comm;
    (*group)->size = size;
    return true;
}

void cn_leave(cn_group group) {
    if (group && group->comm) nccl.leave(group->comm);
    free(group);
}

bool cn_exchange(cn_group group, const void *own, void *all, size_t bytes, void *stream, const char **reason) {
    // Within a group no call waits for another, so that the order of the partners cannot deadlock.
    int status = nccl.group_start();
    for (int r = 0; r < group->size && status == ncclSuccess; r++) {
        status = nccl.send((const char *)own + (size_t)r * bytes, bytes, ncclInt8, r, group->comm, stream);
        if (status == ncclSuccess) status = nccl.receive((char *)all + (size_t)r * bytes, bytes, ncclInt8, r, group->comm, stream);
    }
    const int end = nccl.group_end();
    return done(status == ncclSuccess ? end : status, "NCCL cannot exchange gradients: ", reason);
}

bool cn_gather(cn_group group, const void *own, void *all, size_t bytes, void *stream, const char **reason) {
    return done(nccl.gather(own, all, bytes, ncclInt8, group->comm, stream), "NCCL cannot gather gradients: ", reason);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool cn_wait(cn_group group, void *stream, bool is_gpu, double patience, const char **reason) {
    const double start = seconds();
    for (;;) {
        int error = ncclSuccess;
        if (!done(nccl.async_error(group->comm, &error), "NCCL: ", reason)) return false;
        if (error != ncclSuccess && error != ncclInProgress) return failed(reason, "NCCL: ", nccl.text(error));
        const int status = is_gpu && nccl.stream_query ? nccl.stream_query(stream) : 0;
        if (status == 0) return true;
        if (status != 600) return failed(reason, "", "the GPU failed while gradients were exchanged");
        if (seconds() - start > patience) {
            // Otherwise its kernels would wait for the lost process for ever.
            nccl.abort(group->comm);
            group->comm = NULL;
            return failed(reason, "", "another process's GPU has not answered; it has died, or is cut off");
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}
