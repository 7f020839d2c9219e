#ifndef CPNGCODEC_H
#define CPNGCODEC_H

#include <stddef.h>
#include <stdint.h>

// PNG in memory. libpng leaves a failed call by longjmp, which must not cross Swift frames. These
// functions contain the jump and return a status with a message instead. They keep no pointers.

enum { CPNG_MESSAGE_SIZE = 160 };

// The layout of a pixel from cpng_read.
typedef enum {
    CPNG_COLOR = 0,  // 8-bit grey or RGB as the file has it; palettes become RGB, 16 bit keeps the high byte, alpha is dropped
    CPNG_RGB = 1,    // as CPNG_COLOR, grey repeated to RGB
    CPNG_RAW = 2,    // as stored, one sample after another: palette indices, 1/2/4-bit grey scaled to 0…255,
                     // 16-bit samples in the machine's byte order; alpha is dropped
    CPNG_RGBA = 3    // as CPNG_RGB, with alpha behind each pixel, 255 where the file has none
} cpng_layout;

// Decodes a whole PNG into `out`, `row_bytes` bytes per row, which must equal the decoder's own row
// size. Returns 0, or -1 with a message.
int cpng_read(const uint8_t *data, size_t size, cpng_layout layout, uint8_t *out, size_t row_bytes, char *message);

// Filters the 8-bit rows first ..< first + rows for compression: each becomes a byte with its
// filter and row_bytes differences in `out`. Needs the row before the first. Returns 0, or -1 if
// memory is short.
int cpng_filter(const uint8_t *pixels, size_t row_bytes, int channels, size_t first, size_t rows, uint8_t *out);

// Compresses `count` bytes, at least one, to raw DEFLATE in `out`, which has cpng_deflate_room(count)
// bytes. Returns how many it took. The result ends on a whole byte, so that another can follow it
// unless it is the last, and refers to nothing before its start.
size_t cpng_deflate(const uint8_t *in, size_t count, int is_last, uint8_t *out);
size_t cpng_deflate_room(size_t count);

#endif
