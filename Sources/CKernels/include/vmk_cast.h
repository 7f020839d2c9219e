// Conversion between float32 and bfloat16.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// Copies if the types are the same.
void vmk_cast(int64_t count, vmk_type from_type, const void *from, vmk_type to_type, void *to);

VMK_END
