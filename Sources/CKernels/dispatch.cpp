#include "dispatch.h"

#include <cstdlib>
#include <cstring>

#include "include/CKernels.h"

namespace vmk {

namespace {

InstructionSet best() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl");
    if (avx2 && avx512) return InstructionSet::avx512;
    if (avx2) return InstructionSet::avx2;
#endif
    return InstructionSet::portable;
}

InstructionSet at_most(const char *wish) {
    const InstructionSet limit = best();
    if (!wish) return limit;
    if (!std::strcmp(wish, "portable")) return InstructionSet::portable;
    if (!std::strcmp(wish, "avx2") && limit > InstructionSet::avx2) return InstructionSet::avx2;
    return limit;
}

// Per thread: a test that tries another set must not change what runs beside it. An operator picks
// its kernel before it divides the work.
thread_local int chosen = -1;

}  // namespace

InstructionSet instruction_set() {
    if (chosen >= 0) return static_cast<InstructionSet>(chosen);
    static const InstructionSet standard = at_most(std::getenv("VMUNET_CPU"));
    return standard;
}

}  // namespace vmk

extern "C" const char *vmk_instruction_set(void) {
    static const char *const names[] = {"portable", "avx2", "avx512"};
    return names[static_cast<int>(vmk::instruction_set())];
}

extern "C" const char *vmk_set_instruction_set(const char *name) {
    vmk::chosen = name ? static_cast<int>(vmk::at_most(name)) : -1;
    return vmk_instruction_set();
}
