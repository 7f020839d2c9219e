// Segmentation for other languages: weights in, labels out. Research software, not a medical device.
//
// Every function may be called from any thread, and many threads may use one segmenter. Unless
// `message` is null, a failure writes one line of UTF-8 there, at most `capacity` bytes with the
// final zero. The line says what is wrong and what helps.
#ifndef VMUNET_H
#define VMUNET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Weights in memory, with their metadata. It never changes.
typedef struct vmunet_segmenter vmunet_segmenter;

// Reads weights, .safetensors or .pth, or a run's folder for its best weights; a null `weights`
// takes those that come with the package.
// `image_size`: height and width at which the network sees pictures, 0 for the weights' own.
// `threshold`: the least probability of a foreground pixel, 0 for the weights' own. `threads`: of
// this process, 0 for as many as suit the machine. Null on failure.
vmunet_segmenter *vmunet_open(const char *weights, int64_t image_size, double threshold, int64_t threads, char *message, int64_t capacity);

// Frees a segmenter. No call may be using it.
void vmunet_close(vmunet_segmenter *segmenter);

// Describes the weights as JSON: classes, class_names, input ("pictures", "volumes" or null),
// modality, image_size, threshold, channels, voxel_order, summary. Writes at most `capacity` bytes
// with a final zero; returns the size of the whole text in bytes.
int64_t vmunet_describe(const vmunet_segmenter *segmenter, char *text, int64_t capacity);

// Segments a picture, `channels` bytes a pixel: 1 (grey), 3 (red, green, blue) or 4 (and opacity,
// which is dropped), rows from top to bottom without padding. Writes the number of each pixel's
// class to `labels` (height · width) and, unless it is null, the foreground's probability to
// `probability`, 0…255 for 0…1. Returns 0, or 1 on failure.
int32_t vmunet_segment_picture(
    const vmunet_segmenter *segmenter, const uint8_t *pixels, int64_t height, int64_t width, int64_t channels, uint8_t *labels,
    uint8_t *probability, char *message, int64_t capacity);

// Segments a volume in the file's own unit: `channels` volumes of `slices` · `rows` · `columns`
// numbers each, columns fastest. `affine`: three rows of four that take (column, row, slice, 1) to
// millimetres to the right, to the front and up, as NIfTI does, for the voxel order and spacing of
// training; null takes the voxels as they lie. Writes each voxel's class to `labels`. Returns 0, or
// 1 on failure.
int32_t vmunet_segment_volume(
    const vmunet_segmenter *segmenter, const float *intensities, int64_t channels, int64_t slices, int64_t rows, int64_t columns,
    const double *affine, uint8_t *labels, char *message, int64_t capacity);

#ifdef __cplusplus
}
#endif

#endif
