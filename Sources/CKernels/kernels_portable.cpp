// The kernels for any processor.
#include "kernels.h"

#define VMK_WIDTH 4

namespace vmk::portable {
#include "kernels.inc"
}
