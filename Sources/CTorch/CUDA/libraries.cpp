#include "libraries.h"

#include <dirent.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace ctorch::cuda {

namespace {

template <class Function> bool find(void *library, const char *name, Function &function, std::string &why_not) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (!function) why_not = std::string("it has no ") + name;
    return function != nullptr;
}

Driver open_driver(std::string &why_not) {
    Driver d{};
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        why_not = "no NVIDIA driver (libcuda.so.1 is not found)";
        return d;
    }
    const bool complete = find(library, "cuInit", d.init, why_not) && find(library, "cuDriverGetVersion", d.driver_version, why_not) &&
        find(library, "cuDeviceGetCount", d.device_count, why_not) && find(library, "cuDeviceGet", d.device_get, why_not) &&
        find(library, "cuDeviceGetAttribute", d.device_attribute, why_not) &&
        find(library, "cuCtxGetCurrent", d.context_current, why_not) && find(library, "cuCtxSetCurrent", d.context_set, why_not) &&
        find(library, "cuDevicePrimaryCtxRetain", d.primary_context, why_not) &&
        find(library, "cuModuleLoadData", d.module_load, why_not) && find(library, "cuModuleGetFunction", d.module_function, why_not) &&
        find(library, "cuFuncSetAttribute", d.function_attribute, why_not) && find(library, "cuLaunchKernel", d.launch, why_not) &&
        find(library, "cuGetErrorName", d.error_name, why_not) && find(library, "cuGetErrorString", d.error_text, why_not);
    if (!complete) {
        why_not = "the NVIDIA driver cannot be used: " + why_not;
        d.launch = nullptr;
    }
    return d;
}

bool begins(const char *name, const char *start) { return std::strncmp(name, start, std::strlen(start)) == 0; }

/// Tells libnvrtc.so.12, libnvrtc-1234.so.13 and so on from what lies beside them: an "alt" build
/// and the built-in functions.
bool is_compiler(const char *name) {
    return begins(name, "libnvrtc.so") || (begins(name, "libnvrtc-") && std::strstr(name, ".so.") && !begins(name, "libnvrtc-builtins"));
}

bool is_builtins(const char *name) { return begins(name, "libnvrtc-builtins") && std::strstr(name, ".so") && !std::strstr(name, ".alt."); }

/// The files of a folder whose names are `wanted`, the last name first: newer versions before
/// older ones.
std::vector<std::string> files_in(const std::string &folder, bool (*wanted)(const char *)) {
    std::vector<std::string> found;
    DIR *listing = opendir(folder.c_str());
    if (!listing) return found;
    while (const dirent *entry = readdir(listing))
        if (wanted(entry->d_name)) found.push_back(folder + "/" + entry->d_name);
    closedir(listing);
    std::sort(found.rbegin(), found.rend());
    return found;
}

std::vector<std::string> compilers_in(const std::string &folder) { return files_in(folder, is_compiler); }

/// Where a site-packages folder may hold the compiler: torch's own copy, or the packages for CUDA
/// 13 and 12.
std::vector<std::string> compilers_in_packages(const std::string &packages) {
    std::vector<std::string> found;
    for (const char *folder : {"/torch/lib", "/nvidia/cu13/lib", "/nvidia/cuda_nvrtc/lib"}) {
        const auto here = compilers_in(packages + folder);
        found.insert(found.end(), here.begin(), here.end());
    }
    return found;
}

std::string parent(const std::string &path) { return path.substr(0, std::min(path.rfind('/'), path.size())); }

bool open_nvrtc(const std::string &path, Nvrtc &n, std::string &why_not) {
    // NVRTC opens its built-in functions by their name alone, and its packages record no path to
    // them: an opened library of that name is what it finds.
    if (path.find('/') != std::string::npos)
        for (const auto &builtins : files_in(parent(path), is_builtins)) dlopen(builtins.c_str(), RTLD_NOW | RTLD_LOCAL);
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        why_not = reason ? reason : path;
        return false;
    }
    n.path = path;
    return find(library, "nvrtcVersion", n.version, why_not) && find(library, "nvrtcGetNumSupportedArchs", n.supported_count, why_not) &&
        find(library, "nvrtcGetSupportedArchs", n.supported, why_not) && find(library, "nvrtcCreateProgram", n.create, why_not) &&
        find(library, "nvrtcCompileProgram", n.compile, why_not) && find(library, "nvrtcDestroyProgram", n.destroy, why_not) &&
        find(library, "nvrtcGetProgramLogSize", n.log_size, why_not) && find(library, "nvrtcGetProgramLog", n.log, why_not) &&
        find(library, "nvrtcGetCUBINSize", n.cubin_size, why_not) && find(library, "nvrtcGetCUBIN", n.cubin, why_not) &&
        find(library, "nvrtcGetPTXSize", n.ptx_size, why_not) && find(library, "nvrtcGetPTX", n.ptx, why_not) &&
        find(library, "nvrtcGetErrorString", n.error_text, why_not) && n.version(&n.major, &n.minor) == 0;
}

Nvrtc search_nvrtc(std::string &why_not) {
    std::vector<std::string> candidates;
    if (const char *given = std::getenv("VMUNET_NVRTC"); given && *given) {
        const auto here = compilers_in(given), packages = compilers_in_packages(given);
        candidates.insert(candidates.end(), here.begin(), here.end());
        candidates.insert(candidates.end(), packages.begin(), packages.end());
        if (candidates.empty()) candidates.push_back(given);
    } else {
        // …/site-packages/torch/lib → …/site-packages.
        const std::string torch = libtorch_folder();
        if (!torch.empty()) candidates = compilers_in_packages(parent(parent(torch)));
        for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) candidates.push_back(name);
    }
    // A driver may not load the code of a newer compiler, so prefer compilers of its own version or
    // older.
    int newest = 0;
    std::string none;
    if (const Driver *d = driver(none); d && d->driver_version(&newest) == 0) newest /= 1000;
    Nvrtc fallback{};
    std::string reason;
    for (const auto &path : candidates) {
        Nvrtc n{};
        if (!open_nvrtc(path, n, reason)) continue;
        if (newest == 0 || n.major <= newest) return n;
        if (!fallback.version) fallback = n;
    }
    if (!fallback.version) {
        why_not = "NVIDIA's compiler NVRTC is not found beside libtorch, among its Python packages or in the system (" + reason +
            "); install it beside torch: pip install nvidia-cuda-nvrtc (CUDA 13) or nvidia-cuda-nvrtc-cu12";
    }
    return fallback;
}

}  // namespace

std::string Driver::describe(CUresult error) const {
    const char *name = nullptr, *text = nullptr;
    error_name(error, &name);
    error_text(error, &text);
    return std::string(name ? name : "unknown error") + (text ? std::string(", ") + text : "");
}

const Driver *driver(std::string &why_not) {
    static std::string reason;
    static const Driver opened = open_driver(reason);
    why_not = reason;
    return opened.launch ? &opened : nullptr;
}

const Nvrtc *nvrtc(std::string &why_not) {
    static std::string reason;
    static const Nvrtc opened = search_nvrtc(reason);
    why_not = reason;
    return opened.version ? &opened : nullptr;
}

std::string libtorch_folder() {
    Dl_info info{};
    // A function of libtorch_cpu's own C interface, which this package does not define.
    void *symbol = dlsym(RTLD_DEFAULT, "aoti_torch_device_type_cpu");
    if (!symbol || dladdr(symbol, &info) == 0 || !info.dli_fname) return "";
    char *real = realpath(info.dli_fname, nullptr);
    const std::string folder = parent(real ? real : info.dli_fname);
    std::free(real);
    return folder;
}

}  // namespace ctorch::cuda
