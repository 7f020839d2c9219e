// Picks the kernels' instruction set at run time.
//
// A kernel is written once, in a `.inc` file on top of `vec.h`, and compiled three times, in the
// namespaces avx512, avx2 and portable (kernels_*.cpp). Its header declares all three with
// VMK_KERNEL; its C entry calls VMK_PICK(name)(arguments).
#pragma once

namespace vmk {

enum class InstructionSet { portable, avx2, avx512 };
InstructionSet instruction_set();

}  // namespace vmk

#if defined(__x86_64__)
#define VMK_KERNEL(result, name, ...) \
    namespace vmk::avx512 {           \
    result name(__VA_ARGS__);         \
    }                                 \
    namespace vmk::avx2 {             \
    result name(__VA_ARGS__);         \
    }                                 \
    namespace vmk::portable {         \
    result name(__VA_ARGS__);         \
    }
#define VMK_PICK(name)                                                             \
    (vmk::instruction_set() == vmk::InstructionSet::avx512     ? vmk::avx512::name \
         : vmk::instruction_set() == vmk::InstructionSet::avx2 ? vmk::avx2::name   \
                                                               : vmk::portable::name)
#else
#define VMK_KERNEL(result, name, ...) \
    namespace vmk::portable {         \
    result name(__VA_ARGS__);         \
    }
#define VMK_PICK(name) (vmk::portable::name)
#endif
