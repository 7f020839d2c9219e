// The C interface to libtorch: opaque handles, a generic call of any operator by its schema's name,
// and the few things that are not operators. A function that can fail returns 0, or -1 and leaves
// the reason in ct_last_error(), per thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// An owned reference to an at::Tensor, for ct_release. Never NULL on success; may be an undefined
/// tensor.
typedef struct ct_tensor_impl *ct_tensor;
/// A resolved operator. Lives as long as the process.
typedef const struct ct_operator_impl *ct_operator;

typedef enum { CT_NONE = 0, CT_TENSOR, CT_DOUBLE, CT_INT, CT_BOOL, CT_INTS, CT_TENSORS, CT_STRING, CT_DEVICE } ct_kind;

/// One argument or result of an operator. `name` places a keyword argument; where it is NULL,
/// position does. The caller owns tensors in results; ct_release_tensors releases `tensors` arrays.
typedef struct {
    ct_kind kind;
    int64_t count;
    const char *name;
    union {
        ct_tensor tensor;
        double number;
        int64_t integer;
        bool boolean;
        const int64_t *integers;
        ct_tensor *tensors;
        const char *string;
    } as;
} ct_value;

const char *ct_last_error(void);
/// True if this thread's last error was an allocation that did not fit.
bool ct_last_error_is_out_of_memory(void);

// Operators.
int ct_find_operator(const char *name, const char *overload, ct_operator *result);
/// Calls `op` and writes at most `capacity` results. Missing arguments take their schema's
/// defaults.
int ct_call(ct_operator op, const ct_value *arguments, int64_t argument_count, ct_value *results, int64_t capacity, int64_t *result_count);

// Tensors. `scalar_type` is an at::ScalarType.
void ct_release(ct_tensor tensor);
void ct_release_tensors(ct_tensor *tensors, int64_t count);
/// Makes an undefined tensor.
int ct_undefined(ct_tensor *result);
int ct_empty(const int64_t *shape, int64_t rank, int scalar_type, ct_tensor *result);
/// Copies row-major host data into a new tensor on a device. Copies to a GPU go through pinned
/// memory on their own stream, and the host does not wait for them.
int ct_from_bytes(
    const void *data, size_t bytes, const int64_t *shape, int64_t rank, int scalar_type, const char *device, ct_tensor *result);
/// Copies the tensor's values, row-major, into host memory of exactly `bytes` bytes.
int ct_to_bytes(ct_tensor tensor, void *data, size_t bytes);
int64_t ct_rank(ct_tensor tensor);
int64_t ct_size(ct_tensor tensor, int64_t axis);
int ct_scalar_type(ct_tensor tensor);
bool ct_is_defined(ct_tensor tensor);
/// Writes "cpu", "cuda:0", … into a buffer.
void ct_device(ct_tensor tensor, char *buffer, size_t capacity);
int ct_to_device(ct_tensor tensor, const char *device, ct_tensor *result);

// Autograd.
int ct_set_requires_grad(ct_tensor tensor, bool value);
bool ct_requires_grad(ct_tensor tensor);
/// The gradient, or an undefined tensor.
int ct_gradient(ct_tensor tensor, ct_tensor *result);
int ct_clear_gradient(ct_tensor tensor);
int ct_set_gradient(ct_tensor tensor, ct_tensor gradient);
/// `derivative` is the loss's by the result's values; NULL is 1, for a result of one value.
int ct_backward(ct_tensor result, ct_tensor derivative);
/// Sets gradient recording for this thread and returns what it was.
bool ct_set_grad_enabled(bool value);

// Process.
/// The threads of libtorch's operators and of CKernels.
void ct_set_threads(int count);
int ct_threads(void);
void ct_manual_seed(uint64_t seed);
const char *ct_version(void);
/// Off, the network's operators are composed of libtorch's own on every device: slow, and the
/// reference for the kernels.
void ct_set_use_kernels(bool value);
bool ct_use_kernels(void);
/// The CPU kernels' instruction set: "avx512", "avx2" or "portable".
const char *ct_instruction_set(void);

// NVIDIA GPUs. Nothing of CUDA is linked; its libraries are opened when a GPU is asked for.
typedef enum { CT_CUDA_READY = 0, CT_CUDA_NO_GPU, CT_CUDA_UNUSABLE } ct_cuda_state;
/// True if a GPU or its driver is here, usable or not. Opens the driver alone.
bool ct_nvidia_gpu_present(void);
/// Opens the driver, the compiler NVRTC and libtorch's CUDA half, and tries them. Later calls
/// repeat the answer.
ct_cuda_state ct_load_cuda(void);
/// Why the GPU cannot be used, and the way out; empty if it can.
const char *ct_cuda_reason(void);
/// True if ct_load_cuda found a GPU ready.
bool ct_cuda_available(void);
/// Lets float32 matrix products and convolutions use TF32, with ten bits of mantissa. Off by
/// default; may be set before the GPU is loaded.
int ct_set_allow_tf32(bool value);
/// The most memory that libtorch has held on the first GPU.
int ct_cuda_peak_memory(int64_t *bytes);
// Work recorded once, then launched as a whole: CUDA graphs. `work` returns 0 on success.
typedef struct ct_graph_impl *ct_graph;
/// Fails if this libtorch cannot record on the device.
int ct_graph_make(const char *device, ct_graph *result);
void ct_graph_release(ct_graph graph);
/// Does `work` in the recording's stream, so that whatever is made at a first use exists before
/// recording.
int ct_graph_warm_up(ct_graph graph, int (*work)(void *), void *context);
/// Records the GPU's part of `work` without doing it. If that fails, the graph stays as it was, but
/// libtorch's allocator and its GPU random numbers may be unusable.
int ct_graph_record(ct_graph graph, int (*work)(void *), void *context);
/// Launches the recorded work in the current stream.
int ct_graph_replay(ct_graph graph);

/// Calls `notice` before each compilation of kernels, which takes seconds, on the thread that needs
/// them; not for cached kernels. NULL for none.
void ct_on_compilation(void (*notice)(const char *kernels, const char *architecture));
/// Kernels to compile for an architecture such as "sm_90". `size` is the states of "ss2d", a row's
/// width of "norm", the channels of "depthwise" and "residual", the numbers of "sum".
typedef struct {
    const char *kernels, *architecture;
    int size;
    int rank;   // of SS2D's steps
    int input;  // 0 float32, 1 bfloat16, 2 float16
    // Compiles even what is cached; the log then lists each kernel's registers.
    bool verbose;
} ct_cuda_program;
typedef struct {
    char *log;  // freed by the caller
    bool from_cache;
    int64_t code_bytes;
} ct_cuda_compiled;
/// Compiles as a first use would, cache included. Needs NVRTC and no GPU.
int ct_cuda_compile_check(const ct_cuda_program *program, ct_cuda_compiled *result);

// Process, continued.
/// Keeps freed CPU blocks of 64 KiB and more for allocations of that size, so that a steady state
/// touches no new pages.
void ct_use_caching_allocator(void);
/// Returns kept blocks to the system.
void ct_empty_cache(void);

// Profile: the time inside each operator, forward and backward, as libtorch records it.
void ct_profile_begin(void);
void ct_profile_end(void);
/// One line an operator, "name\tcalls\tseconds\n", most expensive first, without the time of
/// operators that it calls. Freed by the caller.
char *ct_profile_lines(void);

#ifdef __cplusplus
}
#endif
