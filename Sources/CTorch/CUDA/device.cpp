// Loads libtorch's CUDA half on demand. The binary links libtorch_cpu alone: libtorch_cuda and its
// libraries are gigabytes that a run on the CPU should not open and that a CPU build lacks. Opening
// libtorch_cuda registers its functions with libtorch_cpu.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <typeinfo>

#include "../handles.h"
#include "libraries.h"

namespace {

using ctorch::cuda::Driver;

std::mutex mutex;
std::optional<ct_cuda_state> state;
std::string reason;
bool tf32 = false;             // libtorch allows it for convolutions
std::optional<uint64_t> seed;  // given before CUDA was loaded

void allow_tf32() {
    at::globalContext().setAllowTF32CuBLAS(tf32);
    at::globalContext().setAllowTF32CuDNN(tf32);
}

bool exists(const std::string &path) {
    struct stat status;
    return stat(path.c_str(), &status) == 0;
}

/// Why the driver or its GPUs cannot be used; empty if they can.
std::string driver_problem(int &version) {
    std::string why_not;
    const Driver *driver = ctorch::cuda::driver(why_not);
    if (!driver) return why_not;
    int count = 0;
    const int status = driver->init(0);
    if (status != 0) return "the NVIDIA driver finds no GPU (" + driver->describe(status) + ")";
    if (driver->device_count(&count) != 0 || count == 0) return "the NVIDIA driver finds no GPU";
    driver->driver_version(&version);
    return "";
}

std::string release(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

/// Opens libtorch_cuda and tries it on the GPU. Why it cannot be used; empty if it can.
std::string libtorch_problem(int driver_version) {
    const std::string folder = ctorch::cuda::libtorch_folder(), library = folder + "/libtorch_cuda.so";
    if (!exists(library))
        return "this libtorch (" TORCH_VERSION ", " + folder +
            ") was built without CUDA: it has no libtorch_cuda.so; set up with a CUDA build of torch (VMUNET_TORCH=…)";
    if (driver_version == 0) return "";  // nothing to try it on
    for (const std::string &path : {folder + "/libc10_cuda.so", library}) {
        if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) continue;
        const char *error = dlerror();
        return std::string("libtorch's CUDA half cannot be loaded (") + (error ? error : path.c_str()) +
            "); install the packages that this torch depends on beside it";
    }
    // libtorch looks for CUDA once, for example in a backward pass, and never looks again.
    if (typeid(at::detail::getCUDAHooks()) == typeid(at::CUDAHooksInterface))
        return "libtorch was used on the CPU before its CUDA half was opened; ask for the GPU first (Torch.cudaStatus), before any "
               "backward pass";
    int runtime = 0;
    const auto runtime_version = reinterpret_cast<int (*)(int *)>(dlsym(RTLD_DEFAULT, "cudaRuntimeGetVersion"));
    if (runtime_version && runtime_version(&runtime) == 0 && runtime / 1000 > driver_version / 1000)
        return "the NVIDIA driver is for CUDA " + release(driver_version) + " and older, this libtorch needs CUDA " + release(runtime) +
            ": update the driver, or take a torch that is built for CUDA " + std::to_string(driver_version / 1000);
    try {
        allow_tf32();
        // Same input, same bits: cuDNN's convolutions may otherwise add in the order that threads
        // finish in.
        at::globalContext().setDeterministicCuDNN(true);
        if (c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount() == 0) return "libtorch finds no GPU";
        const at::Tensor one = at::ones({1}, at::TensorOptions().device(at::kCUDA));
        TORCH_CHECK(one.item<float>() == 1, "a computation on the GPU gave a wrong result");
        if (seed) {
            // Only the GPU's generator: the CPU's was seeded before and may have been drawn from
            // since.
            at::Generator generator = at::globalContext().defaultGenerator(at::Device(at::kCUDA, 0));
            std::lock_guard generator_lock(generator.mutex());
            generator.set_current_seed(*seed);
        }
    } catch (const c10::Error &error) {
        return std::string("libtorch cannot use the GPU: ") + error.what_without_backtrace();
    } catch (const std::exception &error) {
        return std::string("libtorch cannot use the GPU: ") + error.what();
    }
    return "";
}

ct_cuda_state load() {
    int version = 0;
    std::string nvrtc;
    std::vector<std::string> problems{driver_problem(version)};
    const bool gpu = problems[0].empty();
    problems.push_back(libtorch_problem(version));
    ctorch::cuda::nvrtc(nvrtc);
    problems.push_back(nvrtc);
    for (const auto &problem : problems)
        if (!problem.empty()) reason += (reason.empty() ? "" : "; ") + problem;
    if (reason.empty()) return CT_CUDA_READY;
    return gpu || ct_nvidia_gpu_present() ? CT_CUDA_UNUSABLE : CT_CUDA_NO_GPU;
}

}  // namespace

extern "C" {

bool ct_nvidia_gpu_present(void) {
    if (exists("/dev/nvidia0") || exists("/proc/driver/nvidia/version")) return true;
    int version = 0;
    return driver_problem(version).empty();
}

ct_cuda_state ct_load_cuda(void) {
    std::lock_guard lock(mutex);
    if (!state) state = load();
    return *state;
}

const char *ct_cuda_reason(void) {
    ct_load_cuda();
    return reason.c_str();
}

bool ct_cuda_available(void) {
    std::lock_guard lock(mutex);
    return state == CT_CUDA_READY;
}

// at::manual_seed looks for CUDA, and libtorch never looks again: so not before CUDA is loaded.
void ct_manual_seed(uint64_t value) {
    std::lock_guard lock(mutex);
    if (state == CT_CUDA_READY) {
        at::manual_seed(value);
        return;
    }
    seed = value;
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard generator_lock(generator.mutex());
    generator.set_current_seed(value);
}

int ct_set_allow_tf32(bool value) {
    return ctorch::guarded([&] {
        std::lock_guard lock(mutex);
        tf32 = value;
        if (state == CT_CUDA_READY) allow_tf32();
    });
}

int ct_cuda_peak_memory(int64_t *bytes) {
    return ctorch::guarded([&] {
        TORCH_CHECK(ct_cuda_available(), "no GPU is in use");
        constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
        *bytes = c10::getDeviceAllocator(c10::DeviceType::CUDA)->getDeviceStats(0).reserved_bytes[all].peak;
    });
}

}  // extern "C"
