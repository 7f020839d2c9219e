// Tensors, autograd and process-wide settings behind the C header.
#include "handles.h"

#include "Operators/kernels.h"

#include <cstring>

namespace {
thread_local std::string last_error;
thread_local bool last_error_out_of_memory = false;
}  // namespace

namespace ctorch {
void remember_error(const std::exception &error) {
    const auto *torch_error = dynamic_cast<const c10::Error *>(&error);
    last_error = torch_error ? torch_error->what_without_backtrace() : error.what();
    last_error_out_of_memory = dynamic_cast<const c10::OutOfMemoryError *>(&error) || dynamic_cast<const std::bad_alloc *>(&error) ||
        last_error.find("not enough memory") != std::string::npos || last_error.find("can't allocate memory") != std::string::npos ||
        last_error.find("out of memory") != std::string::npos || last_error.find("CUBLAS_STATUS_ALLOC_FAILED") != std::string::npos;
}
void remember_error(const char *what) {
    last_error = what;
    last_error_out_of_memory = false;
}
}  // namespace ctorch

using ctorch::guarded;
using ctorch::own;

extern "C" {

const char *ct_last_error(void) { return last_error.c_str(); }
bool ct_last_error_is_out_of_memory(void) { return last_error_out_of_memory; }

void ct_release(ct_tensor tensor) { delete tensor; }
void ct_release_tensors(ct_tensor *tensors, int64_t count) {
    for (int64_t i = 0; i < count; i++) delete tensors[i];
    delete[] tensors;
}

int ct_undefined(ct_tensor *result) {
    return guarded([&] { *result = own(at::Tensor()); });
}

int ct_empty(const int64_t *shape, int64_t rank, int scalar_type, ct_tensor *result) {
    return guarded([&] { *result = own(at::empty(at::IntArrayRef(shape, rank), static_cast<at::ScalarType>(scalar_type))); });
}

int ct_to_bytes(ct_tensor tensor, void *data, size_t bytes) {
    return guarded([&] {
        at::Tensor host = tensor->tensor.detach().to(at::kCPU).contiguous();
        TORCH_CHECK(host.nbytes() == bytes, "a tensor of ", host.nbytes(), " bytes cannot be copied into ", bytes, " bytes");
        if (bytes) std::memcpy(data, host.const_data_ptr(), bytes);
    });
}

int64_t ct_rank(ct_tensor tensor) { return tensor->tensor.defined() ? tensor->tensor.dim() : 0; }
int64_t ct_size(ct_tensor tensor, int64_t axis) { return tensor->tensor.sizes()[axis]; }
int ct_scalar_type(ct_tensor tensor) { return static_cast<int>(tensor->tensor.scalar_type()); }
bool ct_is_defined(ct_tensor tensor) { return tensor->tensor.defined(); }

void ct_device(ct_tensor tensor, char *buffer, size_t capacity) {
    const std::string name = tensor->tensor.defined() ? tensor->tensor.device().str() : "none";
    std::strncpy(buffer, name.c_str(), capacity - 1);
    buffer[capacity - 1] = 0;
}

int ct_to_device(ct_tensor tensor, const char *device, ct_tensor *result) {
    return guarded([&] { *result = own(tensor->tensor.to(at::Device(device))); });
}

int ct_set_requires_grad(ct_tensor tensor, bool value) {
    return guarded([&] { tensor->tensor.set_requires_grad(value); });
}
bool ct_requires_grad(ct_tensor tensor) { return tensor->tensor.requires_grad(); }

int ct_gradient(ct_tensor tensor, ct_tensor *result) {
    return guarded([&] { *result = own(tensor->tensor.grad()); });
}
int ct_clear_gradient(ct_tensor tensor) {
    return guarded([&] { tensor->tensor.mutable_grad() = at::Tensor(); });
}
int ct_set_gradient(ct_tensor tensor, ct_tensor gradient) {
    return guarded([&] { tensor->tensor.mutable_grad() = gradient->tensor; });
}
int ct_backward(ct_tensor result, ct_tensor derivative) {
    return guarded([&] {
        torch::autograd::variable_list derivatives;
        if (derivative) derivatives.push_back(derivative->tensor);
        torch::autograd::backward({result->tensor}, derivatives);
    });
}

bool ct_set_grad_enabled(bool value) {
    const bool before = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(value);
    return before;
}

void ct_set_use_kernels(bool value) { ctorch::use_kernels = value; }
bool ct_use_kernels(void) { return ctorch::use_kernels; }
const char *ct_instruction_set(void) { return vmk_instruction_set(); }
const char *ct_version(void) { return TORCH_VERSION; }

}  // extern "C"
