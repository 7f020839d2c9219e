#include <cstdlib>

#include "include/vmk_memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

extern "C" void *vmk_allocate(int64_t bytes) {
    constexpr size_t line = 64, large_page = size_t{2} << 20;
    if (bytes > 0 && static_cast<uint64_t>(bytes) > SIZE_MAX - large_page) return nullptr;
    const size_t count = bytes > 0 ? static_cast<size_t>(bytes) : 1;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (count >= large_page) {
        // Not aligned_alloc: it wants a multiple of the alignment, which would take up to a page more.
        void *memory = nullptr;
        if (posix_memalign(&memory, large_page, count) != 0) return nullptr;
        // Whole large pages alone, for the same reason.
        madvise(memory, count / large_page * large_page, MADV_HUGEPAGE);
        return memory;
    }
#endif
    return std::aligned_alloc(line, (count + line - 1) / line * line);
}

extern "C" void vmk_free(void *memory) { std::free(memory); }
