// A CPU allocator that keeps freed blocks. glibc maps large blocks anew for each allocation, and
// touching fresh pages costs more than many of the network's steps: a 50 MB activation takes 12,000
// page faults, and slowed a matrix product into it from 400 to 115 GFLOP/s on two cores.
#include "handles.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace {

constexpr size_t alignment = 64;        // a cache line, an AVX-512 vector
constexpr size_t kept_from = 64 << 10;  // smaller blocks are malloc's
// From this size on, ask for transparent huge pages: fewer TLB misses.
constexpr size_t huge_from = 4 << 20;
constexpr size_t huge_page = 2 << 20;
// What Swift's own code may need, as in Memory.swift.
constexpr size_t reserve = 48 << 20;

/// Rounds up to an eighth of the size's power of two: wastes at most 12.5 %, and similar sizes
/// reuse each other's blocks.
size_t rounded(size_t bytes) {
    if (bytes < kept_from) return (bytes + alignment - 1) / alignment * alignment;
    size_t step = kept_from / 8;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
}

/// Lies in the line before the memory that is handed out: libtorch frees by the pointer alone.
struct alignas(alignment) Header {
    size_t bytes;  // of the block, header included
};

Header *header_of(void *data) { return static_cast<Header *>(data) - 1; }

class KeepingAllocator final : public c10::Allocator {
public:
    c10::DataPtr allocate(size_t bytes) override {
        void *data = bytes ? take(rounded(bytes + sizeof(Header))) + 1 : nullptr;
        return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &release; }
    void copy_data(void *to, const void *from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

    void empty() {
        std::lock_guard lock(mutex_);
        for (auto &[bytes, block] : kept_) destroy(block);
        kept_.clear();
    }

    static KeepingAllocator &shared() {
        static auto *allocator = new KeepingAllocator;  // never destroyed: tensors may outlive static destructors
        return *allocator;
    }

private:
    Header *take(size_t bytes) {
        if (bytes >= kept_from) {
            std::lock_guard lock(mutex_);
            auto found = kept_.lower_bound(bytes);
            if (found != kept_.end() && found->first <= bytes + bytes / 4) {
                Header *block = found->second;
                kept_.erase(found);
                return block;
            }
        }
        void *memory = nullptr;
        if (!leaves_reserve(bytes) || posix_memalign(&memory, bytes >= huge_from ? huge_page : alignment, bytes) != 0) {
            empty();
            TORCH_CHECK_WITH(
                OutOfMemoryError, leaves_reserve(bytes) && posix_memalign(&memory, alignment, bytes) == 0, "not enough memory: ", bytes,
                " bytes could not be allocated");
        }
#if defined(__linux__)
        if (bytes >= huge_from) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
        return new (memory) Header{bytes};
    }

    /// True unless the process's own limit on memory (`ulimit -v`) would leave less than the reserve.
    /// Swift's arrays end the process where they find no memory; tensors can be refused.
    static bool leaves_reserve(size_t bytes) {
        static const bool is_limited = [] {
            rlimit space{}, data{};
            return getrlimit(RLIMIT_AS, &space) != 0 || getrlimit(RLIMIT_DATA, &data) != 0 || space.rlim_cur != RLIM_INFINITY ||
                data.rlim_cur != RLIM_INFINITY;
        }();
        if (!is_limited || bytes < kept_from) return true;
        void *place = mmap(nullptr, bytes + reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
        if (place == MAP_FAILED) return false;
        munmap(place, bytes + reserve);
        return true;
    }

    static void release(void *data) {
        if (!data) return;
        Header *block = header_of(data);
        if (block->bytes < kept_from) return destroy(block);
        auto &self = shared();
        std::lock_guard lock(self.mutex_);
        self.kept_.emplace(block->bytes, block);
    }

    static void destroy(Header *block) { std::free(block); }

    std::mutex mutex_;
    std::multimap<size_t, Header *> kept_;
};

}  // namespace

extern "C" {
void ct_use_caching_allocator(void) { c10::SetCPUAllocator(&KeepingAllocator::shared(), 1); }
void ct_empty_cache(void) { KeepingAllocator::shared().empty(); }
}
