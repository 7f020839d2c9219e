#ifndef CDIGEST_H
#define CDIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// SHA-256's compression with the processor's own instructions: on one core about ten times as fast
// as without them. Takes `count` blocks of 64 bytes into the state. Returns false, having done
// nothing, where the processor has no such instructions.
bool cdigest_sha256(uint32_t state[8], const uint8_t *blocks, size_t count);

#endif
