// Shared by this target's files: handles to at::Tensor, and statuses for C++ exceptions.
#pragma once
#include "ctorch.h"
#include "libtorch.h"

#include <exception>
#include <string>

struct ct_tensor_impl {
    at::Tensor tensor;
};

namespace ctorch {

inline ct_tensor own(at::Tensor tensor) { return new ct_tensor_impl{std::move(tensor)}; }

void remember_error(const std::exception &error);
void remember_error(const char *what);

/// Runs `body`; turns an exception into -1 and this thread's last error.
template <class Body> int guarded(Body &&body) {
    try {
        body();
        return 0;
    } catch (const std::exception &error) {
        remember_error(error);
    } catch (...) {
        remember_error("an exception of unknown type");
    }
    return -1;
}

}  // namespace ctorch
