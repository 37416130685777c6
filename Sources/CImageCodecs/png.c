#include "cimagecodecs.h"
#include "png_common.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// A compressed profile or text may unfold to this many bytes, and this many text chunks are kept: together they
// bound what a small hostile file can make libpng allocate beside the pixels.
enum { max_chunk_bytes = 4 << 20, max_kept_chunks = 32 };

struct cimage_png_reader {
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t size, position;
    uint8_t *row;
    char message[CIMAGE_MESSAGE_SIZE];
};

static void read_bytes(png_structp png, png_bytep destination, size_t count) {
    cimage_png_reader *reader = png_get_io_ptr(png);
    if (count > reader->size - reader->position) png_error(png, "the file ends early");
    memcpy(destination, reader->data + reader->position, count);
    reader->position += count;
}

cimage_png_reader *cimage_png_reader_create(const uint8_t *data, size_t size) {
    cimage_png_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->data = data;
    reader->size = size;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader->message, raise_error, ignore_warning);
    if (reader->png) reader->info = png_create_info_struct(reader->png);
    if (!reader->info) {
        cimage_png_reader_destroy(reader);
        return NULL;
    }
    png_set_read_fn(reader->png, reader, read_bytes);
    return reader;
}

void cimage_png_reader_destroy(cimage_png_reader *reader) {
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader->row);
    free(reader);
}

const char *cimage_png_reader_message(const cimage_png_reader *reader) { return reader->message; }

// libpng takes memory for a chunk before it looks whether the file holds it. What follows IEND is not looked at.
static void check_chunk_lengths(const cimage_png_reader *reader) {
    enum { signature = 8, before_content = 8, around_content = 12 };  // length and type; check sum
    for (size_t position = signature; reader->size - position >= before_content;) {
        const uint8_t *chunk = reader->data + position;
        size_t length = png_get_uint_32(chunk), left = reader->size - position;
        if (left < around_content || length > left - around_content) png_error(reader->png, "the file ends early");
        if (memcmp(chunk + 4, "IEND", 4) == 0) return;
        position += around_content + length;
    }
}

bool cimage_png_read_header(cimage_png_reader *reader, cimage_png_header *header) {
    png_structp png = reader->png;
    png_infop info = reader->info;
    if (setjmp(png_jmpbuf(png))) return false;

    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller has limits with better messages
    png_set_chunk_malloc_max(png, max_chunk_bytes);
    png_set_chunk_cache_max(png, max_kept_chunks);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    if (reader->size >= 8) check_chunk_lengths(reader);
    png_read_info(png, info);

    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    header->bits_per_pixel = (uint32_t)png_get_bit_depth(png, info) * png_get_channels(png, info);
    header->has_alpha = (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0 ||
                        png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    return true;
}

static void separate(const uint8_t *row, uint8_t *rgb, uint8_t *alpha, size_t width) {
    for (size_t x = 0; x < width; x++) {
        rgb[3 * x + 0] = row[4 * x + 0];
        rgb[3 * x + 1] = row[4 * x + 1];
        rgb[3 * x + 2] = row[4 * x + 2];
        alpha[x] = row[4 * x + 3];
    }
}

bool cimage_png_read_pixels(cimage_png_reader *reader, uint8_t *rgb, uint8_t *alpha) {
    png_structp png = reader->png;
    png_infop info = reader->info;
    if (setjmp(png_jmpbuf(png))) return false;

    png_set_expand(png);    // palette to RGB, 1 to 4 bits to 8, tRNS to alpha
    png_set_strip_16(png);  // the high byte of 16 bits, as PIL has it
    png_set_gray_to_rgb(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);

    size_t width = png_get_image_width(png, info);
    size_t height = png_get_image_height(png, info);
    if (png_get_rowbytes(png, info) != width * (alpha ? 4 : 3)) png_error(png, "unexpected row size");
    if (alpha) {
        reader->row = malloc(width * 4);
        if (!reader->row) png_error(png, "out of memory");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < height; y++) {
            uint8_t *rgb_row = rgb + y * width * 3;
            if (alpha) {
                uint8_t *alpha_row = alpha + y * width;
                // A pass of an interlaced picture adds its pixels to the row as it stands.
                if (passes > 1) interleave(reader->row, rgb_row, alpha_row, width);
                png_read_row(png, reader->row, NULL);
                separate(reader->row, rgb_row, alpha_row, width);
            } else {
                png_read_row(png, rgb_row, NULL);
            }
        }
    }
    png_read_end(png, info);
    return true;
}

const uint8_t *cimage_png_icc_profile(const cimage_png_reader *reader, size_t *size) {
    png_charp name;
    int compression;
    png_bytep profile;
    png_uint_32 length;
    if (!png_get_iCCP(reader->png, reader->info, &name, &compression, &profile, &length)) return NULL;
    *size = length;
    return profile;
}

cimage_png_text cimage_png_find_text(const cimage_png_reader *reader, const char *key) {
    png_textp texts;
    int count = 0;
    png_get_text(reader->png, reader->info, &texts, &count);
    for (int i = 0; i < count; i++) {
        if (strcmp(texts[i].key, key) != 0) continue;
        bool is_utf8 = texts[i].compression >= PNG_ITXT_COMPRESSION_NONE;
        size_t size = is_utf8 ? texts[i].itxt_length : texts[i].text_length;
        return (cimage_png_text){texts[i].text, size, is_utf8};
    }
    return (cimage_png_text){NULL, 0, false};
}
