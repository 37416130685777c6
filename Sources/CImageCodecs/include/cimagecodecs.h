// libpng, libjpeg-turbo, libwebp, libheif, libjxl, libtiff, Little CMS and the inner loops of resampling, for
// ImageCodecs.
//
// The first two report errors by longjmp, which must not cross Swift frames: every function here catches its own
// and returns false, with one sentence in `message`. A reader looks at the caller's bytes and never copies them,
// so they must outlive it. The caller checks the image's size against its limits between reading the header,
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

/// What to encode: interleaved RGB, and optionally one byte of alpha a pixel (not JPEG) and an ICC profile.
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
    bool is_grey;
} cimage_png_header;

/// A reader over the signature and whole chunks without IEND, or NULL when memory is out.
cimage_png_reader *cimage_png_reader_create(const uint8_t *data, size_t size);
void cimage_png_reader_destroy(cimage_png_reader *reader);
const char *cimage_png_reader_message(const cimage_png_reader *reader);

/// Reads up to the pixels.
bool cimage_png_read_header(cimage_png_reader *reader, cimage_png_header *header);

/// Reads the pixels as 8-bit RGB (`3 * width * height` bytes) and alpha (`width * height` bytes, NULL exactly when
/// the header says that there is none), then the rest of the file. Both buffers must be initialised.
bool cimage_png_read_pixels(cimage_png_reader *reader, uint8_t *rgb, uint8_t *alpha);

/// The same for 16 bits per channel in the machine's order.
bool cimage_png_read_wide_pixels(cimage_png_reader *reader, uint16_t *rgb, uint16_t *alpha);

/// The ICC profile, or NULL. Valid while the reader lives.
const uint8_t *cimage_png_icc_profile(const cimage_png_reader *reader, size_t *size);

/// The check sum of a chunk's type and content.
uint32_t cimage_crc32(const uint8_t *bytes, size_t size);

/// Inflates a zlib stream of at most `limit` bytes; false when it is malformed or longer.
bool cimage_inflate(const uint8_t *bytes, size_t size, size_t limit, cimage_buffer *output);

/// Some rows of an image, filtered and deflated.
typedef struct {
    cimage_buffer deflated;
    size_t filtered_size;
    uint32_t sum;  // Adler-32 of what was deflated
} cimage_png_band;

/// How many bands an image is deflated in; its size alone decides.
size_t cimage_png_band_count(const cimage_picture *picture);

/// Deflates a band; false when memory is out. Bands may be made at the same time, in any order.
bool cimage_png_deflate_band(const cimage_picture *picture, size_t index, cimage_png_band *band);

/// What is written beside the pixels of a PNG file.
typedef struct {
    const char *text_key, *text;  // NULL: no text
    bool text_is_utf8;            // iTXt, else Latin-1 and tEXt
    const uint8_t *exif;          // NULL: none
    uint32_t exif_size;
    uint32_t pixels_per_metre[2];  // 0: not known
} cimage_png_extras;

/// Puts an image's bands together.
bool cimage_png_encode(const cimage_picture *picture, const cimage_png_band *bands, const cimage_png_extras *extras,
                       cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]);

// JPEG

typedef struct cimage_jpeg_reader cimage_jpeg_reader;

typedef struct {
    uint32_t width, height;
    uint32_t components;
    bool is_arithmetic_coded;
    uint32_t pixels_per_inch[2];  // 0: not known
} cimage_jpeg_header;

/// What libjpeg-turbo found that is wrong but leaves most of the image.
typedef struct {
    uint32_t missing_rows;     // at the end
    uint32_t left_over_bytes;  // between the last pixel and the next marker
} cimage_jpeg_damage;

/// A reader over `size` bytes, or NULL when memory is out.
cimage_jpeg_reader *cimage_jpeg_reader_create(const uint8_t *data, size_t size);
void cimage_jpeg_reader_destroy(cimage_jpeg_reader *reader);
const char *cimage_jpeg_reader_message(const cimage_jpeg_reader *reader);

/// Reads up to the first scan.
bool cimage_jpeg_read_header(cimage_jpeg_reader *reader, cimage_jpeg_header *header);

/// Whether the file is sound but of a kind that libjpeg-turbo does not read, after the header could not be read.
bool cimage_jpeg_is_unsupported(const cimage_jpeg_reader *reader);

/// Reads the pixels as 8-bit RGB (`3 * width * height` bytes) or, of four components, inverted CMYK (`4 * width *
/// height` bytes). A file that is cut off may lack a tenth of its rows.
bool cimage_jpeg_read_pixels(cimage_jpeg_reader *reader, uint8_t *pixels, cimage_jpeg_damage *damage);

/// The EXIF block (a TIFF file, after "Exif\0\0"), or NULL. Valid while the reader lives.
const uint8_t *cimage_jpeg_exif(const cimage_jpeg_reader *reader, size_t *size);

/// The ICC profile put together from its segments; empty when there is none or a segment is missing.
bool cimage_jpeg_icc_profile(cimage_jpeg_reader *reader, cimage_buffer *profile);

/// Encodes an image at a quality of 1 to 100, with an EXIF segment ("Exif\0\0" first) when `exif` is not NULL, and
/// pixels to an inch unless they are 0.
bool cimage_jpeg_encode(const cimage_picture *picture, int quality, const uint8_t *exif, uint32_t exif_size,
                        const uint16_t pixels_per_inch[2], cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]);

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

/// Reads the pixels of a still image, of the size that the header says, as interleaved RGBA or RGB.
bool cimage_webp_read_pixels(const uint8_t *data, size_t size, size_t width, size_t height, bool has_alpha,
                             uint8_t *pixels);

/// Encodes without profile and metadata, at a quality of 0 to 100 or lossless.
bool cimage_webp_encode(const cimage_picture *picture, int quality, bool is_lossless, cimage_buffer *output,
                        char message[CIMAGE_MESSAGE_SIZE]);

// Formats whose library is opened when the program runs

/// What a decoder says of an image before it is decoded.
typedef struct {
    uint32_t width, height;
    uint32_t channels;      // interleaved: RGB, RGBA, CMYK or CMYKA
    uint32_t bits;          // of a channel in memory: 8, or 16 in the machine's order
    bool is_cmyk;           // 255 is full ink
    bool is_grey;           // the three colours of a pixel are the same
    bool is_premultiplied;  // colours are multiplied by alpha
} cimage_header;

/// Colours by the numbers of ITU-T H.273; 0 or 2: not known.
typedef struct {
    uint16_t primaries, transfer;
} cimage_colours;

/// A library that reads images. A reader looks at the caller's bytes and never copies them.
typedef struct {
    bool (*is_available)(void);

    /// Reads up to the pixels; NULL with a message when that fails.
    void *(*open)(const uint8_t *data, size_t size, cimage_header *header, char message[CIMAGE_MESSAGE_SIZE]);
    void (*close)(void *reader);

    /// The ICC profile; false when there is none.
    bool (*read_profile)(void *reader, cimage_buffer *profile);

    /// The EXIF block, a TIFF file; NULL when the library does not give it.
    bool (*read_exif)(void *reader, cimage_buffer *exif);

    /// The pixels, `width * height * channels` of `bits` bits.
    bool (*read_pixels)(void *reader, void *pixels, cimage_colours *colours, char message[CIMAGE_MESSAGE_SIZE]);
} cimage_decoder;

const cimage_decoder *cimage_heif_decoder(void);
const cimage_decoder *cimage_jxl_decoder(void);
const cimage_decoder *cimage_tiff_decoder(void);

/// What HEIF files hold.
typedef enum { cimage_heif_hevc, cimage_heif_av1 } cimage_heif_kind;

/// Whether libheif is installed with a decoder or an encoder for a kind.
bool cimage_heif_can_read(cimage_heif_kind kind);
bool cimage_heif_can_write(cimage_heif_kind kind);

/// Encodes an image as AVIF at a quality of 0 to 100, with an EXIF block.
bool cimage_avif_encode(const cimage_picture *picture, int quality, const uint8_t *exif, uint32_t exif_size,
                        cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]);

/// Encodes an image as JPEG XL at a distance (0: lossless, 1: hardly different from the original, 25: the worst),
/// with an EXIF block behind four bytes of zeros.
bool cimage_jxl_encode(const cimage_picture *picture, float distance, const uint8_t *exif, uint32_t exif_size,
                       cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]);

// Colour

typedef struct cimage_colour_transform cimage_colour_transform;

typedef enum {
    cimage_rgb_to_srgb,
    cimage_srgb_to_rgb,
    cimage_grey_to_srgb,           // one byte a pixel
    cimage_cmyk_to_srgb,           // four, 255 is full ink
    cimage_inverted_cmyk_to_srgb,  // four, 255 is no ink
} cimage_transform_kind;

/// Between an ICC profile's colours and sRGB (relative colorimetric with black point compensation); NULL when the
/// profile is malformed, of another colour space, or does not describe this direction. For many pixels a table is made
/// first, which for some profiles takes as long as converting 10,000 pixels without.
cimage_colour_transform *cimage_colour_transform_create(const uint8_t *profile, size_t size, cimage_transform_kind kind,
                                                        bool for_many_pixels);
void cimage_colour_transform_destroy(cimage_colour_transform *transform);

/// Converts interleaved 8-bit pixels to interleaved RGB.
void cimage_colour_transform_apply(const cimage_colour_transform *transform, const uint8_t *source,
                                   uint8_t *destination, size_t pixels);

/// A profile of RGB with these chromaticities (x and y of white, red, green, blue) and a power law, or sRGB's curve
/// when `gamma` is 0. The same bytes for the same numbers.
bool cimage_profile_create(const double chromaticities[8], double gamma, cimage_buffer *profile);

/// Converts CMYK without a profile, the complements of the inks multiplied.
void cimage_convert_cmyk(const uint8_t *cmyk, bool is_inverted, uint8_t *rgb, size_t pixels);

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
