// Division of independent tasks over threads, and memory that is reused from call to call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/CKernels.h"

namespace vmk {

/// Calls `body(i)` for every i in 0..<count on the threads. Bodies must not depend on one another nor on which thread runs them.
template <class Body> void parallel(int64_t count, const Body &body) {
    vmk_parallel(count, const_cast<Body *>(&body), [](void *context, int64_t index) { (*static_cast<const Body *>(context))(index); });
}

/// Scratch of the calling thread, aligned to 64 bytes, kept for its next use. Each slot is one array: asking for a slot again gives the same
/// memory (perhaps moved), so two live arrays need two slots. Contents are undefined.
enum class Slot { callA, callB, callC, callD, callE, taskA, taskB, taskC, taskD, taskE, count };
void *scratch_bytes(Slot slot, size_t bytes);

inline float *scratch(Slot slot, int64_t floats) {
    return static_cast<float *>(scratch_bytes(slot, sizeof(float) * static_cast<size_t>(floats)));
}

}  // namespace vmk
