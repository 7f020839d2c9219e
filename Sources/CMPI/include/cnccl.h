// NCCL: moves numbers between the GPUs of several processes. Opened when GPUs train together and
// never linked, so that one binary also serves machines without it. Building needs no header of
// NVIDIA's.
//
// Only transport: who adds, and in which order, is the caller's. A function that can fail returns
// false, with a reason.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Opens NCCL: the file `path`, or, if that is NULL, what is open or the system finds.
bool cn_open(const char *path, const char **reason);
/// NCCL's version, 22807 for 2.28.7. 0 if it is not open.
int cn_version(void);

enum { CN_ID_BYTES = 128 };
/// Makes what the processes of a group recognise each other by.
bool cn_make_id(uint8_t *id, const char **reason);

typedef struct cn_group *cn_group;
/// Joins a group, on the GPU that this thread uses. Every process calls it with the same id.
bool cn_join(const uint8_t *id, int rank, int size, cn_group *group, const char **reason);
void cn_leave(cn_group group);

/// Sends the r-th `bytes` bytes of `own` to process r, and puts what process r sent at the r-th place
/// of `all`. In order with the work of `stream`, without waiting.
bool cn_exchange(cn_group group, const void *own, void *all, size_t bytes, void *stream, const char **reason);
/// Every process's `bytes` bytes, in the order of the ranks, into `all`. As cn_exchange.
bool cn_gather(cn_group group, const void *own, void *all, size_t bytes, void *stream, const char **reason);
/// Waits at most `patience` seconds for the work of a GPU's stream; memory of the host is ready at once.
bool cn_wait(cn_group group, void *stream, bool is_gpu, double patience, const char **reason);

#ifdef __cplusplus
}
#endif
