#include "launch.h"

#include <dlfcn.h>

#include <mutex>
#include <utility>

#include "compiler.h"

namespace ctorch::cuda {

namespace {

CUstream current_stream(int device) {
    using Get = int32_t (*)(int32_t, void **);
    static const auto get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "aoti_torch_get_current_cuda_stream"));
    TORCH_CHECK(get, "this libtorch has no function that returns its CUDA stream");
    void *stream = nullptr;
    TORCH_CHECK(get(device, &stream) == 0, "libtorch has no CUDA stream for GPU ", device);
    return static_cast<CUstream>(stream);
}

/// libtorch's runtime makes the primary context current on threads that have used it; a new thread
/// may not have.
void enter_context(int device) {
    const Driver &d = needed_driver();
    CUcontext context = nullptr;
    if (d.context_current(&context) == 0 && context) return;
    CUdevice handle = 0;
    check(d.device_get(&handle, device), "looking up a GPU");
    check(d.primary_context(&context, handle), "starting on a GPU");
    check(d.context_set(context), "starting on a GPU");
}

CUmodule load(int device, const Program &program) {
    const Driver &d = needed_driver();
    const std::string &architecture = GPU::number(device).architecture;
    enter_context(device);
    Compiled compiled = compile(*program.source, program.name, program.definitions, architecture);
    CUmodule module = nullptr;
    CUresult status = d.module_load(&module, compiled.code.data());
    if (status != 0 && compiled.cached) {
        // The cached file is intact, but this driver rejects it.
        forget(*program.source, program.name, program.definitions, architecture);
        compiled = compile(*program.source, program.name, program.definitions, architecture);
        status = d.module_load(&module, compiled.code.data());
    }
    check(status, std::string("loading the kernels of ") + program.name + " for " + architecture);
    return module;
}

}  // namespace

const Driver &needed_driver() {
    std::string why_not;
    const Driver *d = driver(why_not);
    TORCH_CHECK(d, why_not);
    return *d;
}

void check(CUresult status, const std::string &what) {
    TORCH_CHECK_WITH(OutOfMemoryError, status != 2, "CUDA out of memory: ", what);
    TORCH_CHECK(status == 0, what, ": ", needed_driver().describe(status));
}

const GPU &GPU::number(int index) {
    static std::mutex mutex;
    static std::map<int, GPU> known;
    std::lock_guard lock(mutex);
    const auto found = known.find(index);
    if (found != known.end()) return found->second;
    const Driver &d = needed_driver();
    CUdevice device = 0;
    GPU gpu{};
    int major = 0, minor = 0;
    check(d.device_get(&device, index), "asking for GPU " + std::to_string(index));
    check(d.device_attribute(&gpu.multiprocessors, attribute_multiprocessors, device), "reading a GPU's size");
    check(d.device_attribute(&gpu.shared_limit, attribute_shared_optin, device), "reading a GPU's shared memory");
    check(d.device_attribute(&major, attribute_major, device), "reading a GPU's architecture");
    check(d.device_attribute(&minor, attribute_minor, device), "reading a GPU's architecture");
    gpu.architecture = "sm_" + std::to_string(major * 10 + minor);
    return known.emplace(index, gpu).first->second;
}

Kernels Kernels::of(int device, const Program &program) {
    static std::mutex mutex;
    static std::map<std::pair<int, std::string>, Functions> loaded;
    std::string key = program.name;
    for (const auto &definition : program.definitions) key += definition;
    std::lock_guard lock(mutex);
    auto &functions = loaded[{device, key}];
    if (functions.empty()) {
        const CUmodule module = load(device, program);
        Functions found;
        for (const char *name : program.kernels) {
            CUfunction &function = found[name];
            check(needed_driver().module_function(&function, module, name), std::string("finding the kernel ") + name);
            if (!program.lives_in_shared_memory) continue;
            // Allow the full shared memory once; launches that need less are not slower.
            check(
                needed_driver().function_attribute(function, function_shared_bytes, GPU::number(device).shared_limit),
                std::string("shared memory for ") + name);
            // a hint; the driver may ignore it
            needed_driver().function_attribute(function, function_shared_share, 100);
        }
        functions = std::move(found);
    }
    return {device, functions, current_stream(device)};
}

void Kernels::launch_raw(const char *kernel, Grid grid, int threads, size_t shared, void *arguments) const {
    const Driver &d = needed_driver();
    const auto found = functions_->find(kernel);
    TORCH_CHECK(found != functions_->end(), "no kernel is named ", kernel);
    // This may be autograd's thread, doing its first work on the GPU.
    enter_context(device_);
    void *parameters[] = {arguments};
    check(
        d.launch(
            found->second, grid.x, grid.y, grid.z, static_cast<unsigned>(threads), 1, 1, static_cast<unsigned>(shared), stream_, parameters,
            nullptr),
        std::string("launching ") + kernel);
}

}  // namespace ctorch::cuda
