// Memory for maps and weights.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// Memory aligned to 64 bytes, NULL if there is none. Pieces of 2 MiB and more come in large pages
/// where the system gives them on request: otherwise the first touch of every 4 KiB takes time, and
/// addresses kilobytes apart need a translation each.
void *vmk_allocate(int64_t bytes);

void vmk_free(void *memory);

VMK_END
