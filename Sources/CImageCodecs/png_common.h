// What reading and writing of PNG files share.

#ifndef PNG_COMMON_H
#define PNG_COMMON_H

#include "cimagecodecs.h"

#include <png.h>
#include <stdio.h>

// The error pointer of both kinds of png_struct is the message buffer.
static inline void raise_error(png_structp png, png_const_charp text) {
    snprintf(png_get_error_ptr(png), CIMAGE_MESSAGE_SIZE, "%s", text);
    png_longjmp(png, 1);
}

static inline void ignore_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static inline void interleave(uint8_t *row, const uint8_t *rgb, const uint8_t *alpha, size_t width) {
    for (size_t x = 0; x < width; x++) {
        row[4 * x + 0] = rgb[3 * x + 0];
        row[4 * x + 1] = rgb[3 * x + 1];
        row[4 * x + 2] = rgb[3 * x + 2];
        row[4 * x + 3] = alpha[x];
    }
}

#endif
