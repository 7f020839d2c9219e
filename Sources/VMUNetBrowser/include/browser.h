// C++ functions for the browser's Swift (memory.cpp, threads.cpp).
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Memory for `bytes` bytes, aligned to 64; NULL if there is none.
void *vmunet_allocate(int32_t bytes);
/// Gives memory back; NULL is fine.
void vmunet_release(void *memory);

/// The number of calls of vmk_parallel done since `vmunet_begin_progress`.
int32_t vmunet_progress(void);

#ifdef __cplusplus
}
#endif
