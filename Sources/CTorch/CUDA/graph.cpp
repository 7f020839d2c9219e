// Recorded work: CUDA graphs through libtorch, which gives each graph its own memory and keeps
// random numbers right. A replay takes the generator's current seed and offset (Note [CUDA
// Graph-safe RNG states] in ATen/cuda/CUDAGeneratorImpl.h): from the same seed it draws what
// unrecorded work draws.
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "../Operators/products.h"
#include "../handles.h"
#include "streams.h"

namespace {

using c10::impl::VirtualGuardImpl;

std::string no_graphs(const std::string &missing) {
    return "this libtorch (" TORCH_VERSION ") has no CUDA graphs that this package can record (" + missing + "); leave out --compile-graph";
}

// Recording forbids calls that wait for the GPU on this thread alone. Other threads may go on
// preparing batches, and autograd's thread, whose backward pass is part of the recording, is not
// restricted. libtorch's allocator lifts the ban around its own calls.

/// at::cuda::CUDAGraph. Its header needs CUDA's, so its functions are looked up by their mangled
/// names, the same in 2.11 and 2.13, in the opened libtorch_cuda. libtorch's public interface for
/// graphs (at::accelerator::Graph, from 2.13) does not support CUDA yet.
struct CUDAGraph {
    void (*construct)(void *self, bool keep_graph);
    void (*destroy)(void *self);
    void (*capture_begin)(void *self, c10::MempoolId_t pool, int mode);
    void (*capture_end)(void *self);
    void (*replay)(void *self);

    static const CUDAGraph &functions() {
        static const CUDAGraph found;
        return found;
    }

private:
    CUDAGraph() {
        find("_ZN2at4cuda9CUDAGraphC1Eb", construct);
        find("_ZN2at4cuda9CUDAGraphD1Ev", destroy);
        find("_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode", capture_begin);
        find("_ZN2at4cuda9CUDAGraph11capture_endEv", capture_end);
        find("_ZN2at4cuda9CUDAGraph6replayEv", replay);
    }
    template <class Function> static void find(const char *name, Function &function) {
        function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
        TORCH_CHECK(function, no_graphs(name));
    }
};

class Recording {
public:
    Recording() { functions_.construct(object_, false); }
    ~Recording() { functions_.destroy(object_); }
    Recording(const Recording &) = delete;
    Recording &operator=(const Recording &) = delete;
    static void require() { CUDAGraph::functions(); }
    void begin() { functions_.capture_begin(object_, {0, 0}, thread_local_mode); }
    void end() { functions_.capture_end(object_); }
    void replay() { functions_.replay(object_); }

private:
    static constexpr int thread_local_mode = 1;  // cudaStreamCaptureModeThreadLocal
    const CUDAGraph &functions_ = CUDAGraph::functions();
    // Room for the class, whose size only CUDA's headers tell: 104 bytes in 2.11; 344 in 2.13,
    // which added conditional nodes.
    alignas(std::max_align_t) unsigned char object_[4096];
};

/// The stream in which all of a GPU's graphs are warmed up and recorded: cuBLAS keeps a workspace
/// for each stream, so they share one.
c10::Stream recording_stream(const VirtualGuardImpl &gpu, c10::Device device) {
    static ctorch::cuda::OwnStream recordings;
    return recordings.on(gpu, device);
}

/// Held while recording, and while one of these functions waits for the whole GPU, which would
/// break a recording.
std::mutex recording_mutex;

/// Why nothing can be recorded any more; empty if it can. After a recording that CUDA gave up,
/// libtorch's allocator and random numbers behave as if it still went on.
std::string broken;

void require_recording() {
    TORCH_CHECK(broken.empty(), "work cannot be recorded in this process any more: ", broken, "; leave out --compile-graph");
}

/// cuBLAS has a handle for each thread and cannot make one while recording; earlier work may have
/// run on other threads.
void use_cublas(c10::Device device) {
    const at::Tensor one = at::ones({1, 1}, at::TensorOptions().device(device));
    at::mm(one, one);
}

/// Returns unused memory to the driver: blocks kept for one stream or graph do not serve another.
void give_memory_back() { c10::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache(); }

}  // namespace

struct ct_graph_impl {
    c10::Device device;
    std::unique_ptr<Recording> recording;
    std::vector<at::Tensor> weights;  // prepared ones that were recorded
};

extern "C" {

int ct_graph_make(const char *device, ct_graph *result) {
    return ctorch::guarded([&] {
        const c10::Device on(device);
        TORCH_CHECK(on.is_cuda() && on.has_index() && ct_cuda_available(), "work is recorded on a GPU that is in use, not on ", on);
        Recording::require();
        *result = new ct_graph_impl{on, nullptr, {}};
    });
}

void ct_graph_release(ct_graph graph) {
    if (!graph) return;
    ctorch::guarded([&] {
        std::lock_guard lock(recording_mutex);
        // It may still be running.
        if (graph->recording) VirtualGuardImpl(graph->device.type()).synchronizeDevice(graph->device.index());
        graph->recording.reset();
        graph->weights.clear();
        give_memory_back();
    });
    delete graph;
}

int ct_graph_warm_up(ct_graph graph, int (*work)(void *), void *context) {
    return ctorch::guarded([&] {
        std::lock_guard lock(recording_mutex);
        require_recording();
        const VirtualGuardImpl gpu(graph->device.type());
        const c10::StreamGuard guard(recording_stream(gpu, graph->device));
        // The work's inputs were written in another stream, and its results are read there. This
        // happens a handful of times, so the host may wait.
        gpu.synchronizeDevice(graph->device.index());
        const bool done = work(context) == 0;
        gpu.synchronizeDevice(graph->device.index());
        TORCH_CHECK(done, "the work failed");
    });
}

int ct_graph_record(ct_graph graph, int (*work)(void *), void *context) {
    return ctorch::guarded([&] {
        std::lock_guard lock(recording_mutex);
        require_recording();
        const VirtualGuardImpl gpu(graph->device.type());
        gpu.synchronizeDevice(graph->device.index());
        // A graph has its own memory: what the warm-up left would lie unused beside it.
        give_memory_back();
        const c10::StreamGuard guard(recording_stream(gpu, graph->device));
        use_cublas(graph->device);
        auto recording = std::make_unique<Recording>();
        std::vector<at::Tensor> weights;
        recording->begin();
        bool done = false;
        {
            const ctorch::RecordingProducts products(weights);
            done = work(context) == 0;
        }
        // End it in any case, or the stream goes on recording. If the work failed, failing to end
        // it is only a consequence.
        try {
            recording->end();
        } catch (const c10::Error &error) {
            broken = error.what_without_backtrace();
            if (done) throw;
        }
        TORCH_CHECK(done, "the work failed");
        gpu.synchronizeDevice(graph->device.index());
        graph->recording = std::move(recording);
        graph->weights = std::move(weights);
    });
}

int ct_graph_replay(ct_graph graph) {
    return ctorch::guarded([&] {
        // Not while another thread records or works in the recordings' stream: this work may use
        // that stream's cuBLAS workspace.
        std::lock_guard lock(recording_mutex);
        TORCH_CHECK(graph->recording, "nothing is recorded");
        graph->recording->replay();
    });
}

}  // extern "C"
