// Memory for the page and the browser's Swift.
#include <cstdlib>

#include "browser.h"

extern "C" __attribute__((export_name("vmunet_allocate"))) void *vmunet_allocate(int32_t bytes) {
    // Sizes are unsigned on their way: a file may take more than half of the four gigabytes.
    const size_t count = static_cast<uint32_t>(bytes);
    return count > SIZE_MAX - 63 ? nullptr : std::aligned_alloc(64, (count + 63) / 64 * 64);
}

extern "C" __attribute__((export_name("vmunet_release"))) void vmunet_release(void *memory) { std::free(memory); }
