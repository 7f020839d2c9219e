// From a kernel's name to its launch: which GPU, its module, libtorch's stream. What every operator's host side needs; it adds its plan, its
// arguments and its source.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "../libtorch.h"
#include "libraries.h"
#include "program.h"

namespace ctorch::cuda {

/// The driver, or an error that says what is missing.
const Driver &needed_driver();
/// Throws what a failed call of the driver means; too little memory as libtorch's own error for it.
void check(CUresult status, const std::string &what);

/// One GPU, as plans and the compiler want to know it.
struct GPU {
    int multiprocessors, shared_limit;
    std::string architecture;

    static const GPU &number(int index);
};

/// A program's kernels on one GPU, with the stream that libtorch works in at the moment.
class Kernels {
public:
    /// Compiles and loads the program where this process has not yet; never unloaded.
    static Kernels of(int device, const Program &program);

    /// `arguments` are copied by the call.
    template <class Arguments> void launch(const char *kernel, Grid grid, int threads, size_t shared, const Arguments &arguments) const {
        launch_raw(kernel, grid, threads, shared, const_cast<Arguments *>(&arguments));
    }
    /// The same as a function, as the plans call it.
    auto launcher() const {
        return [*this](const char *kernel, Grid grid, int threads, size_t shared, const auto &arguments) {
            launch(kernel, grid, threads, shared, arguments);
        };
    }

private:
    using Functions = std::map<std::string, CUfunction, std::less<>>;
    Kernels(int device, const Functions &functions, CUstream stream) : device_(device), functions_(&functions), stream_(stream) {}
    void launch_raw(const char *kernel, Grid grid, int threads, size_t shared, void *arguments) const;

    int device_;
    const Functions *functions_;
    CUstream stream_;
};

/// How the kernels read a tensor's elements.
inline Input input_of(at::ScalarType type) {
    return type == at::kFloat ? Input::float32 : type == at::kBFloat16 ? Input::bfloat16 : Input::float16;
}
inline bool is_input(at::ScalarType type) { return type == at::kFloat || type == at::kBFloat16 || type == at::kHalf; }

/// Whether vectors of `count` elements can be read from and written to this tensor's rows, `stride` elements apart.
inline bool takes_vectors(const at::Tensor &x, int64_t stride, int count) {
    const auto bytes = static_cast<uintptr_t>(count) * x.element_size();
    return stride % count == 0 && reinterpret_cast<uintptr_t>(x.const_data_ptr()) % bytes == 0;
}

}  // namespace ctorch::cuda
