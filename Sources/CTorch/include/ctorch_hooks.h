// Notices of gradients while the backward pass still runs. A header of its own: few files need it.
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Calls `notice` on the backward pass's thread each time the pass has added to this leaf's
/// gradient. NULL removes the hook.
int ct_on_gradient(ct_tensor leaf, void (*notice)(void *context, int64_t index), void *context, int64_t index);

#ifdef __cplusplus
}
#endif
