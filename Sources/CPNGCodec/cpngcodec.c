#include "CPNGCodec.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *data;
    size_t size, position;
} reader;

static void fail(png_structp png, png_const_charp text) {
    char *message = png_get_error_ptr(png);
    snprintf(message, CPNG_MESSAGE_SIZE, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

// Warnings concern chunks that do not affect pixels; anything that does is an error.
static void ignore(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void take(png_structp png, png_bytep out, size_t count) {
    reader *from = png_get_io_ptr(png);
    if (count > from->size - from->position) png_error(png, "the file ends too early");
    memcpy(out, from->data + from->position, count);
    from->position += count;
}

int cpng_read(const uint8_t *data, size_t size, cpng_layout layout, uint8_t *out, size_t row_bytes, char *message) {
    reader from = {data, size, 0};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, fail, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        snprintf(message, CPNG_MESSAGE_SIZE, "libpng could not start (out of memory, or headers of another version)");
        return -1;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return -1;
    }
    png_set_read_fn(png, &from, take);
    // Gamma, colour profiles and texts are not needed, so do not risk parsing them.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_read_info(png, info);

    int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (layout == CPNG_RGBA) {
        if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
        if (!(type & PNG_COLOR_MASK_COLOR)) {
            if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
            png_set_gray_to_rgb(png);
        }
        png_set_tRNS_to_alpha(png);
        if (!(type & PNG_COLOR_MASK_ALPHA)) png_set_add_alpha(png, depth == 16 ? 0xffff : 0xff, PNG_FILLER_AFTER);
    } else if (type == PNG_COLOR_TYPE_PALETTE) {
        if (layout == CPNG_RAW) {
            png_set_packing(png);
        } else {
            png_set_palette_to_rgb(png);
            png_set_strip_alpha(png);
        }
    } else {
        if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
        if (type & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(png);
        if (layout == CPNG_RGB && !(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    }
    if (depth == 16) {
        const uint16_t one = 1;
        if (layout != CPNG_RAW) {
            png_set_strip_16(png);
        } else if (*(const uint8_t *)&one == 1) {
            png_set_swap(png);
        }
    }
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "the header changed while it was read");

    png_uint_32 height = png_get_image_height(png, info);
    for (int pass = 0; pass < passes; ++pass)
        for (png_uint_32 y = 0; y < height; ++y) png_read_row(png, out + (size_t)y * row_bytes, NULL);
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
}

// Predicts each byte from its left, upper and upper left neighbours and returns the sum of the
// differences' magnitudes, a heuristic for a row's best filter. Rows are preceded by `channels`
// zero bytes.
static unsigned left_filter(const uint8_t *row, const uint8_t *above, size_t count, int channels, uint8_t *out) {
    (void)above;
    unsigned sum = 0;
    for (size_t i = 0; i < count; ++i) {
        uint8_t d = (uint8_t)(row[i] - row[(ptrdiff_t)i - channels]);
        out[i] = d;
        sum += (unsigned)abs((int8_t)d);
    }
    return sum;
}

static unsigned up_filter(const uint8_t *row, const uint8_t *above, size_t count, int channels, uint8_t *out) {
    (void)channels;
    unsigned sum = 0;
    for (size_t i = 0; i < count; ++i) {
        uint8_t d = (uint8_t)(row[i] - above[i]);
        out[i] = d;
        sum += (unsigned)abs((int8_t)d);
    }
    return sum;
}

static unsigned paeth_filter(const uint8_t *row, const uint8_t *above, size_t count, int channels, uint8_t *out) {
    unsigned sum = 0;
    for (size_t i = 0; i < count; ++i) {
        int16_t a = row[(ptrdiff_t)i - channels], b = above[i], c = above[(ptrdiff_t)i - channels];
        int16_t pa = (int16_t)(b - c), pb = (int16_t)(a - c), pc = (int16_t)(pa + pb);
        pa = pa < 0 ? -pa : pa;
        pb = pb < 0 ? -pb : pb;
        pc = pc < 0 ? -pc : pc;
        int16_t predicted = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
        uint8_t d = (uint8_t)(row[i] - predicted);
        out[i] = d;
        sum += (unsigned)abs((int8_t)d);
    }
    return sum;
}

int cpng_filter(const uint8_t *pixels, size_t row_bytes, int channels, size_t first, size_t rows, uint8_t *out) {
    enum { padding = 16 };
    const size_t room = row_bytes + padding;
    uint8_t *buffers = calloc(4, room);
    if (!buffers) return -1;
    uint8_t *row = buffers + padding, *above = row + room, *best = above + room, *other = best + room;
    if (first > 0) memcpy(above, pixels + (first - 1) * row_bytes, row_bytes);
    for (size_t y = first; y < first + rows; ++y) {
        memcpy(row, pixels + y * row_bytes, row_bytes);
        uint8_t type = 2;
        unsigned least = up_filter(row, above, row_bytes, channels, best);
        // Label maps compress best unfiltered or against the row above; only colours gain from the
        // other filters.
        for (int candidate = 1; channels > 1 && candidate <= 4; candidate += 3) {
            unsigned sum = (candidate == 1 ? left_filter : paeth_filter)(row, above, row_bytes, channels, other);
            if (sum >= least) continue;
            least = sum;
            type = (uint8_t)candidate;
            uint8_t *swap = best;
            best = other;
            other = swap;
        }
        *out = type;
        memcpy(out + 1, best, row_bytes);
        out += row_bytes + 1;
        uint8_t *swap = above;
        above = row;
        row = swap;
    }
    free(buffers);
    return 0;
}
