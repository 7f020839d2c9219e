// For the fuzzer's Swift: libFuzzer's own mutator, on which custom mutators build, and a limit of
// processor time.
#ifndef VMUNET_CFUZZER_H
#define VMUNET_CFUZZER_H

#include <stddef.h>
#include <stdint.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t largest);

// Aborts the process when it has used that many seconds of processor time from now on; asked again,
// it starts anew. The clock's time would not do: the machine may be busy with other work.
void campaign_limit_seconds(int seconds);

#endif
