// libpng, libjpeg-turbo, libwebp, Little CMS and the inner loops of resampling, for ImageCodecs.
//
// The first two report errors by longjmp, which must not cross Swift frames: every function here catches its own
// and returns false, with one sentence in `message`. A reader looks at the caller's bytes and never copies them,
// so they must outlive it. The caller checks the picture's size against its limits between reading the header,
// which takes little memory whatever the file claims, and reading the pixels into buffers of its own.

#ifndef CIMAGECODECS_H
#define CIMAGECODECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIMAGE_MESSAGE_SIZE 256

typedef struct {
    uint8_t *bytes;  // from malloc; the caller frees it
    size_t size;
} cimage_buffer;

/// What to encode: interleaved RGB, and optionally one byte of alpha a pixel (PNG only) and an ICC profile.
typedef struct {
    const uint8_t *rgb;
    const uint8_t *alpha;  // NULL: opaque
    uint32_t width, height;
    const uint8_t *icc;  // NULL: none
    uint32_t icc_size;
} cimage_picture;

// PNG

typedef struct cimage_png_reader cimage_png_reader;

typedef struct {
    uint32_t width, height;
    uint32_t bits_per_pixel;  // as stored in the file
    bool has_alpha;           // an alpha channel or transparent colours
} cimage_png_header;

typedef struct {
    const char *bytes;  // NULL: there is no such text
    size_t size;
    bool is_utf8;  // else Latin-1
} cimage_png_text;

/// A reader over `size` bytes, or NULL when memory is out.
cimage_png_reader *cimage_png_reader_create(const uint8_t *data, size_t size);
void cimage_png_reader_destroy(cimage_png_reader *reader);
const char *cimage_png_reader_message(const cimage_png_reader *reader);

/// Reads up to the pixels.
bool cimage_png_read_header(cimage_png_reader *reader, cimage_png_header *header);

/// Reads the pixels as 8-bit RGB (`3 * width * height` bytes) and alpha (`width * height` bytes, NULL exactly when
/// the header says that there is none), then the rest of the file. Both buffers must be initialised.
bool cimage_png_read_pixels(cimage_png_reader *reader, uint8_t *rgb, uint8_t *alpha);

/// The ICC profile, or NULL. Valid while the reader lives, like the text.
const uint8_t *cimage_png_icc_profile(const cimage_png_reader *reader, size_t *size);

/// The text stored under a key in what has been read so far.
cimage_png_text cimage_png_find_text(const cimage_png_reader *reader, const char *key);

/// Some rows of a picture, filtered and deflated.
typedef struct {
    cimage_buffer deflated;
    size_t filtered_size;
    uint32_t sum;  // Adler-32 of what was deflated
} cimage_png_band;

/// How many bands a picture is deflated in; its size alone decides.
size_t cimage_png_band_count(const cimage_picture *picture);

/// Deflates a band; false when memory is out. Bands may be made at the same time, in any order.
bool cimage_png_deflate_band(const cimage_picture *picture, size_t index, cimage_png_band *band);

/// Puts a picture's bands together, with a text chunk when `text` is not NULL: iTXt when `text_is_utf8`, else tEXt
/// (Latin-1).
bool cimage_png_encode(const cimage_picture *picture, const cimage_png_band *bands, const char *text_key,
                       const char *text, bool text_is_utf8, cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]);

// JPEG

typedef struct cimage_jpeg_reader cimage_jpeg_reader;

typedef struct {
    uint32_t width, height;
    uint32_t components;
    bool is_arithmetic_coded;
} cimage_jpeg_header;

/// A reader over `size` bytes, or NULL when memory is out.
cimage_jpeg_reader *cimage_jpeg_reader_create(const uint8_t *data, size_t size);
void cimage_jpeg_reader_destroy(cimage_jpeg_reader *reader);
const char *cimage_jpeg_reader_message(const cimage_jpeg_reader *reader);

/// Reads up to the first scan.
bool cimage_jpeg_read_header(cimage_jpeg_reader *reader, cimage_jpeg_header *header);

/// Reads the pixels as 8-bit RGB (`3 * width * height` bytes).
bool cimage_jpeg_read_pixels(cimage_jpeg_reader *reader, uint8_t *rgb);

/// The EXIF block (a TIFF file, after "Exif\0\0"), or NULL. Valid while the reader lives.
const uint8_t *cimage_jpeg_exif(const cimage_jpeg_reader *reader, size_t *size);

/// The ICC profile put together from its segments; empty when there is none or a segment is missing.
bool cimage_jpeg_icc_profile(cimage_jpeg_reader *reader, cimage_buffer *profile);

/// Encodes a picture at a quality of 1 to 100, with an EXIF segment ("Exif\0\0" first) when `exif` is not NULL.
bool cimage_jpeg_encode(const cimage_picture *picture, int quality, const uint8_t *exif, uint32_t exif_size,
                        cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]);

// WebP

typedef struct {
    uint32_t width, height;
    bool has_alpha;
    bool is_animated;
} cimage_webp_header;

/// Whether libwebp is installed; without it, the two functions below return false.
bool cimage_webp_is_available(void);

/// Reads the header of a WebP file, or of one frame's chunks.
bool cimage_webp_read_header(const uint8_t *data, size_t size, cimage_webp_header *header);

/// Reads the pixels of a still picture, of the size that the header says, as interleaved RGBA or RGB.
bool cimage_webp_read_pixels(const uint8_t *data, size_t size, size_t width, size_t height, bool has_alpha,
                             uint8_t *pixels);

// Colour

typedef struct cimage_colour_transform cimage_colour_transform;

/// From an ICC profile's RGB to sRGB or back (relative colorimetric with black point compensation); NULL when the
/// profile is malformed, of another colour space, or does not describe this direction. For many pixels a table is made
/// first, which for some profiles takes as long as converting 10,000 pixels without.
cimage_colour_transform *cimage_colour_transform_create(const uint8_t *profile, size_t size, bool to_srgb,
                                                        bool for_many_pixels);
void cimage_colour_transform_destroy(cimage_colour_transform *transform);

/// Converts interleaved 8-bit RGB; `source` and `destination` may be the same.
void cimage_colour_transform_apply(const cimage_colour_transform *transform, const uint8_t *source,
                                   uint8_t *destination, size_t pixels);

// Resampling

/// For each of `count` output positions, a run of `lengths[i]` input positions from `starts[i]` and as many weights,
/// one run after another, in units of 2^-22.
typedef struct {
    size_t count;
    const int32_t *starts;
    const int32_t *lengths;
    const int32_t *weights;
} cimage_filter;

/// Filters each row: `rows` rows of `width` pixels of 1 or 3 bytes become rows of `filter->count` pixels.
void cimage_resample_horizontally(const uint8_t *source, size_t width, size_t rows, size_t channels,
                                  const cimage_filter *filter, uint8_t *destination);

/// Filters each column: rows of `row_bytes` bytes become `filter->count` such rows.
void cimage_resample_vertically(const uint8_t *source, size_t row_bytes, const cimage_filter *filter,
                                uint8_t *destination);

#endif
