// Streams of libtorch's pool that this package takes for one purpose each, once a GPU.
#pragma once
#include <c10/core/impl/VirtualGuardImpl.h>

#include <map>
#include <mutex>

namespace ctorch::cuda {

/// libtorch hands its 32 streams out in turn: taken anew for every use, two purposes would meet in one.
class OwnStream {
public:
    c10::Stream on(const c10::impl::VirtualGuardImpl &gpu, c10::Device device) {
        std::lock_guard lock(mutex_);
        const auto found = streams_.find(device.index());
        if (found != streams_.end()) return found->second;
        return streams_.emplace(device.index(), gpu.getStreamFromGlobalPool(device)).first->second;
    }

private:
    std::mutex mutex_;
    std::map<c10::DeviceIndex, c10::Stream> streams_;
};

}  // namespace ctorch::cuda
