// NVIDIA's libraries, opened when a GPU is asked for and never linked, so that one binary also
// serves machines without them. Their few functions are declared by hand: building needs no CUDA
// headers.
#pragma once
#include <string>

namespace ctorch::cuda {

using CUresult = int;
using CUdevice = int;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;

constexpr int attribute_multiprocessors = 16, attribute_major = 75, attribute_minor = 76, attribute_shared_optin = 97;
constexpr int function_shared_bytes = 8;  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
// CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, in percent.
constexpr int function_shared_share = 9;

/// libcuda, which comes with the driver.
struct Driver {
    CUresult (*init)(unsigned flags);
    CUresult (*driver_version)(int *version);
    CUresult (*device_count)(int *count);
    CUresult (*device_get)(CUdevice *device, int ordinal);
    CUresult (*device_attribute)(int *value, int attribute, CUdevice device);
    CUresult (*context_current)(CUcontext *context);
    CUresult (*context_set)(CUcontext context);
    CUresult (*primary_context)(CUcontext *context, CUdevice device);
    CUresult (*module_load)(CUmodule *module, const void *image);
    CUresult (*module_function)(CUfunction *function, CUmodule module, const char *name);
    CUresult (*function_attribute)(CUfunction function, int attribute, int value);
    CUresult (*launch)(
        CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
        unsigned shared_bytes, CUstream stream, void **arguments, void **extra);
    CUresult (*error_name)(CUresult error, const char **name);
    CUresult (*error_text)(CUresult error, const char **text);

    std::string describe(CUresult error) const;
};

/// The driver; or null and the reason: no library, or a function is missing.
const Driver *driver(std::string &why_not);

using nvrtcProgram = struct _nvrtcProgram *;

/// The compiler. CUDA builds of torch bring it, as does the Python package nvidia-cuda-nvrtc.
struct Nvrtc {
    int (*version)(int *major, int *minor);
    int (*supported_count)(int *count);
    int (*supported)(int *architectures);
    int (*create)(
        nvrtcProgram *program, const char *source, const char *name, int headers, const char *const *texts, const char *const *names);
    int (*compile)(nvrtcProgram program, int count, const char *const *options);
    int (*destroy)(nvrtcProgram *program);
    int (*log_size)(nvrtcProgram program, size_t *size);
    int (*log)(nvrtcProgram program, char *text);
    int (*cubin_size)(nvrtcProgram program, size_t *size);
    int (*cubin)(nvrtcProgram program, char *bytes);
    int (*ptx_size)(nvrtcProgram program, size_t *size);
    int (*ptx)(nvrtcProgram program, char *bytes);
    const char *(*error_text)(int error);

    int major, minor;
    std::string path;
    std::string version_text() const { return std::to_string(major) + "." + std::to_string(minor); }
};

/// The compiler; or null and the reason. Looks in VMUNET_NVRTC (a file, its folder, or a Python's
/// site-packages), beside libtorch, among the Python packages beside torch, and where the system
/// looks.
const Nvrtc *nvrtc(std::string &why_not);

/// The folder of this process's libtorch, without a slash at its end; empty if the system does not
/// tell.
std::string libtorch_folder();

}  // namespace ctorch::cuda
