// Streams of libtorch's pool, each kept for one purpose.
#pragma once
#include <c10/core/impl/VirtualGuardImpl.h>

#include <map>
#include <mutex>

namespace ctorch::cuda {

/// One stream a GPU. libtorch hands out its 32 streams in turn: taken anew for each use, two
/// purposes would share one.
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
