// The sources that NVRTC compiles, and their definitions. A new operator adds a function here for
// its arguments and kernels.
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

/// Kernels compiled together.
struct Program {
    const char *name;
    const std::string *source;
    std::vector<std::string> definitions;
    std::vector<const char *> kernels;
    /// Whether the kernels may need more than 48 KiB of shared memory; it comes out of L1, which
    /// they hardly use.
    bool lives_in_shared_memory = false;
};

/// `vector` is row_vector's.
Program ss2d_program(const Geometry &geometry, int vector, Input input);
Program norm_program(const NormGeometry &geometry, Input input);
Program depthwise_program(int vector, Input input);
Program residual_program(int vector, Input input);
Program sum_program(int vector, Input input);

}  // namespace ctorch::cuda
