// Addresses and streams for libraries that work on libtorch's tensors.
#include <dlfcn.h>

#include "CUDA/libraries.h"
#include "ctorch_device.h"
#include "handles.h"

extern "C" int ct_address(ct_tensor tensor, void **result) {
    return ctorch::guarded([&] {
        TORCH_CHECK(tensor->tensor.is_contiguous(), "the values do not lie one after the other");
        *result = tensor->tensor.data_ptr();
    });
}

extern "C" const char *ct_library_folder(void) {
    static const std::string folder = ctorch::cuda::libtorch_folder();
    return folder.c_str();
}

extern "C" int ct_current_stream(int gpu, void **result) {
    return ctorch::guarded([&] {
        using Get = int32_t (*)(int32_t, void **);
        static const auto get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "aoti_torch_get_current_cuda_stream"));
        TORCH_CHECK(get && get(gpu, result) == 0, "libtorch has no CUDA stream for GPU ", gpu);
    });
}
