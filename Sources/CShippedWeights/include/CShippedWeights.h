// Weights/isic17.safetensors, as it lies in the package, inside the program.
#ifndef VMUNET_SHIPPED_WEIGHTS_H
#define VMUNET_SHIPPED_WEIGHTS_H

#include <stddef.h>

extern const unsigned char vmunet_isic17_begin[];
extern const unsigned char vmunet_isic17_end[];

// The file's bytes, aligned to 64.
static inline const unsigned char *vmunet_isic17(void) { return vmunet_isic17_begin; }

// Their number.
static inline size_t vmunet_isic17_count(void) { return (size_t)(vmunet_isic17_end - vmunet_isic17_begin); }

#endif
