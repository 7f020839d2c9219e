#include "elementwise.h"

#include <algorithm>

#include "include/CKernels.h"
#include "parallel.h"

namespace {

void over_array(vmk::Function function, int64_t count, const float *x, float *y) {
    constexpr int64_t piece = 1 << 15;  // 128 KiB: worth a thread, small enough for its cache
    const auto kernel = VMK_PICK(elementwise);
    vmk::parallel((count + piece - 1) / piece, [&](int64_t i) {
        kernel(function, std::min(piece, count - i * piece), x + i * piece, y + i * piece);
    });
}

}  // namespace

extern "C" {
void vmk_exp(int64_t count, const float *x, float *y) { over_array(vmk::Function::exp, count, x, y); }
void vmk_sigmoid(int64_t count, const float *x, float *y) { over_array(vmk::Function::sigmoid, count, x, y); }
void vmk_silu(int64_t count, const float *x, float *y) { over_array(vmk::Function::silu, count, x, y); }
void vmk_softplus(int64_t count, const float *x, float *y) { over_array(vmk::Function::softplus, count, x, y); }
void vmk_decay(int64_t count, const float *x, float *y) { over_array(vmk::Function::decay, count, x, y); }
}
