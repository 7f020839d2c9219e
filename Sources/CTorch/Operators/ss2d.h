// One call of SS2D as tensors, on any device.
#pragma once
#include "../libtorch.h"

namespace ctorch {

/// Shaped as in register.cpp; projection [B, H, W, 4 (R + 2 N)] is float32.
struct SS2DInputs {
    const at::Tensor &x, &projection, &dt_weight, &dt_bias, &A_logs, &Ds;
};

/// Of each input; x's is the part through the scan alone.
struct SS2DGradients {
    at::Tensor x, projection, dt_weight, dt_bias, A_logs, Ds;
};

}  // namespace ctorch
