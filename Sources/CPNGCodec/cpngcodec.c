#include "CPNGCodec.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *data;
    size_t size, position;
} reader;

typedef struct {
    uint8_t *data;
    size_t size, capacity;
} writer;

static void fail(png_structp png, png_const_charp text) {
    char *message = png_get_error_ptr(png);
    snprintf(message, CPNG_MESSAGE_SIZE, "%s", text);
    longjmp(png_jmpbuf(png), 1);
}

// Warnings concern chunks that do not change pixels; what does is an error.
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
    // Gamma, colour profiles and texts are neither needed nor worth the risk of parsing.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_read_info(png, info);

    int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        if (layout == CPNG_RAW) {
            png_set_packing(png);
        } else {
            png_set_palette_to_rgb(png);
            png_set_strip_alpha(png);
        }
    } else {
        if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
        if (type & PNG_COLOR_MASK_ALPHA && layout != CPNG_RGBA) png_set_strip_alpha(png);
        if ((layout == CPNG_RGB || layout == CPNG_RGBA) && !(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
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

static void append(png_structp png, png_bytep bytes, size_t count) {
    writer *to = png_get_io_ptr(png);
    if (count > to->capacity - to->size) {
        size_t capacity = to->capacity * 2 > to->size + count ? to->capacity * 2 : to->size + count + 4096;
        uint8_t *grown = realloc(to->data, capacity);
        if (!grown) png_error(png, "out of memory");
        to->data = grown;
        to->capacity = capacity;
    }
    memcpy(to->data + to->size, bytes, count);
    to->size += count;
}

static void flush(png_structp png) { (void)png; }

static int encode(writer *to, const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int level, char *message) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, fail, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        snprintf(message, CPNG_MESSAGE_SIZE, "libpng could not start (out of memory, or headers of another version)");
        return -1;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return -1;
    }
    png_set_write_fn(png, to, append, flush);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_set_compression_level(png, level);
    png_set_filter(png, 0, channels == 1 ? PNG_FILTER_NONE | PNG_FILTER_UP : PNG_FILTER_SUB | PNG_FILTER_UP | PNG_FILTER_PAETH);
    png_set_IHDR(
        png, info, width, height, 8, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
        PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (uint32_t y = 0; y < height; ++y) png_write_row(png, pixels + (size_t)y * width * channels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return 0;
}

int cpng_write(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int level, uint8_t **out, size_t *out_size, char *message) {
    writer to = {NULL, 0, 0};
    if (encode(&to, pixels, width, height, channels, level, message)) {
        free(to.data);
        return -1;
    }
    *out = to.data;
    *out_size = to.size;
    return 0;
}

void cpng_release(uint8_t *buffer) { free(buffer); }
