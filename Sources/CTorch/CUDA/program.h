// The texts that NVRTC compiles, and with which definitions. A new operator adds its arguments' and its kernels' file, a plan, and a function here.
#pragma once
#include <string>
#include <vector>

#include "array_plan.h"
#include "depthwise/plan.h"
#include "norm/plan.h"
#include "ss2d/plan.h"

namespace ctorch::cuda {

/// How elements are stored; the kernels' INPUT.
enum class Input { float32 = 0, bfloat16 = 1, float16 = 2 };

/// Kernels that are compiled together.
struct Program {
    const char *name;
    const std::string *source;
    std::vector<std::string> definitions;
    std::vector<const char *> kernels;
    /// Whether they may need more than the 48 KiB of shared memory that every kernel has, and little of the cache that it is taken from.
    bool lives_in_shared_memory = false;
};

/// `vector`: of row_vector.
Program ss2d_program(const Geometry &geometry, int vector, Input input);
Program norm_program(const NormGeometry &geometry, Input input);
Program depthwise_program(int vector, Input input);
Program residual_program(int vector, Input input);
Program sum_program(int vector, Input input);

}  // namespace ctorch::cuda
