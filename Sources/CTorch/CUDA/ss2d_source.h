// The text that NVRTC compiles, and with which options.
#pragma once
#include <string>
#include <vector>

#include "ss2d_plan.h"

namespace ctorch::cuda {

/// How x is stored; the kernels' INPUT.
enum class Input { float32 = 0, bfloat16 = 1, float16 = 2 };

const std::string &ss2d_source();
std::vector<std::string> ss2d_definitions(const Geometry &geometry, Input input);

}  // namespace ctorch::cuda
