// Launches kernels by name: finds the GPU, the module and libtorch's stream. An operator's host
// side adds its plan, arguments and source.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "../libtorch.h"
#include "libraries.h"
#include "program.h"

namespace ctorch::cuda {

/// The driver; throws the reason if there is none.
const Driver &needed_driver();
/// Throws if `status` is an error; too little memory as libtorch's error for it.
void check(CUresult status, const std::string &what);

/// The properties of a GPU that plans and the compiler need.
struct GPU {
    int multiprocessors, shared_limit;
    std::string architecture;

    static const GPU &number(int index);
};

/// A program's kernels on one GPU, with libtorch's current stream.
class Kernels {
public:
    /// Compiles and loads the program unless this process has; it is never unloaded.
    static Kernels of(int device, const Program &program);

    /// The call copies `arguments`.
    template <class Arguments> void launch(const char *kernel, Grid grid, int threads, size_t shared, const Arguments &arguments) const {
        launch_raw(kernel, grid, threads, shared, const_cast<Arguments *>(&arguments));
    }
    /// launch as a function, for the plans.
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

/// Whether rows `stride` elements apart in this tensor can be read and written in vectors of
/// `count` elements.
inline bool takes_vectors(const at::Tensor &x, int64_t stride, int count) {
    const auto bytes = static_cast<uintptr_t>(count) * x.element_size();
    return stride % count == 0 && reinterpret_cast<uintptr_t>(x.const_data_ptr()) % bytes == 0;
}

}  // namespace ctorch::cuda
