// A target of C needs a source; the functions of vmunet.h are in Sources/VMUNetC.
#include "vmunet.h"
