// The instruction set that the kernels run on.
#pragma once

#include "vmk_types.h"

VMK_BEGIN

/// "avx512", "avx2" or "portable": the best that this CPU has, or less if the environment variable
/// VMUNET_CPU says so.
const char *vmk_instruction_set(void);

/// Chooses the instruction set of this thread's next calls; NULL restores the default. Returns what
/// was set: the best that the CPU has, if `name` is beyond it.
const char *vmk_set_instruction_set(const char *name);

VMK_END
