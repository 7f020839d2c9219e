// For libraries that work on libtorch's tensors in their place. A header of its own: few
// files need it.
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The address of a contiguous tensor's first value, on its device.
int ct_address(ct_tensor tensor, void **result);
/// The folder of this process's libtorch, without a slash at its end; empty if the system does not
/// tell.
const char *ct_library_folder(void);
/// The stream in which this thread's work on a GPU is done in order. NULL is a stream, too.
int ct_current_stream(int gpu, void **result);

#ifdef __cplusplus
}
#endif
