// Uploads to a GPU without waiting: through pinned memory on a separate stream, so that a batch
// travels while the GPU still works on the last one.
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>

#include "../handles.h"
#include "streams.h"

namespace {

using c10::impl::VirtualGuardImpl;

/// A CPU tensor with a copy of `data`, pinned or not.
at::Tensor filled(const void *data, size_t bytes, at::IntArrayRef shape, at::ScalarType type, bool pinned) {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type).pinned_memory(pinned));
    TORCH_CHECK(tensor.nbytes() == bytes, "a tensor of ", tensor.nbytes(), " bytes cannot be made from ", bytes, " bytes");
    if (bytes) std::memcpy(tensor.mutable_data_ptr(), data, bytes);
    return tensor;
}

at::Tensor uploaded(const at::Tensor &pinned, at::Device device) {
    const VirtualGuardImpl gpu(device.type());
    if (!device.has_index()) device = gpu.getDevice();
    static ctorch::cuda::OwnStream uploads;
    const c10::Stream own = uploads.on(gpu, device), current = gpu.getStream(device);
    c10::Event arrived(device.type());
    at::Tensor there;
    {
        const c10::StreamGuard guard(own);
        there = pinned.to(device, /*non_blocking=*/true);
        arrived.record(own);
    }
    // The current stream's next work waits for the copy; the host does not. The memory belongs to
    // the upload's stream, which must not reuse it while the current stream reads it.
    arrived.block(current);
    there.record_stream(current);
    return there;
}

}  // namespace

extern "C" int ct_from_bytes(
    const void *data, size_t bytes, const int64_t *shape, int64_t rank, int scalar_type, const char *device, ct_tensor *result) {
    return ctorch::guarded([&] {
        const at::Device to(device);
        const at::Tensor host = filled(data, bytes, at::IntArrayRef(shape, rank), static_cast<at::ScalarType>(scalar_type), to.is_cuda());
        *result = ctorch::own(to.is_cpu() ? host : to.is_cuda() ? uploaded(host, to) : host.to(to));
    });
}
