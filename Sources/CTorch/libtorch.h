// libtorch's headers. They use a few features of C++20, which clang accepts in C++17 with a
// warning. This package stays with C++17: in C++20, SwiftPM's clang turns the include of another
// target's header into the import of a module that it does not build.
#pragma once
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc++20-extensions"
#if !__has_include(<ATen/ATen.h>)
#error "libtorch's headers are not found. In the package's folder: eval \"$(./vmunet env)\", then swift build."
#endif
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>
#include <torch/version.h>
#pragma clang diagnostic pop
