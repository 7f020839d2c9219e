// libFuzzer's own mutator, for custom mutators to build on.
#ifndef VMUNET_CFUZZER_H
#define VMUNET_CFUZZER_H

#include <stddef.h>
#include <stdint.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t largest);

#endif
