// Divides independent tasks over threads; keeps scratch memory from call to call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/CKernels.h"

namespace vmk {

/// Calls `body(i)` for every i in 0..<count on the threads. A body may depend neither on another
/// nor on the thread that runs it.
template <class Body> void parallel(int64_t count, const Body &body) {
    vmk_parallel(count, const_cast<Body *>(&body), [](void *context, int64_t index) { (*static_cast<const Body *>(context))(index); });
}

/// The calling thread's scratch, aligned to 64 bytes, with undefined contents. A slot is one array:
/// asking for it again returns the same memory, perhaps moved, so two live arrays need two slots.
enum class Slot { callA, callB, callC, callD, callE, taskA, taskB, taskC, taskD, taskE, count };
void *scratch_bytes(Slot slot, size_t bytes);

inline float *scratch(Slot slot, int64_t floats) {
    return static_cast<float *>(scratch_bytes(slot, sizeof(float) * static_cast<size_t>(floats)));
}

}  // namespace vmk
