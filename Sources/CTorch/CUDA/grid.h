#pragma once

namespace ctorch::cuda {

/// Blocks of a launch.
struct Grid {
    unsigned x, y, z;
};

}  // namespace ctorch::cuda
