#include "cimagecodecs.h"
#include "png_common.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// A compressed profile may unfold to this many bytes, and this many unknown chunks are kept: together they bound what a
// small hostile file can make libpng allocate beside the pixels.
enum { max_chunk_bytes = 4 << 20, max_kept_chunks = 32 };

struct cimage_png_reader {
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t size, position;
    uint8_t *row;
    char message[CIMAGE_MESSAGE_SIZE];
};

// The chunks, then an IEND that the file may lack or have damaged.
static void read_bytes(png_structp png, png_bytep destination, size_t count) {
    static const uint8_t end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};
    cimage_png_reader *reader = png_get_io_ptr(png);
    for (size_t i = 0; i < count;) {
        if (reader->position < reader->size) {
            size_t left = reader->size - reader->position, part = count - i < left ? count - i : left;
            memcpy(destination + i, reader->data + reader->position, part);
            reader->position += part;
            i += part;
        } else {
            size_t place = reader->position - reader->size;
            if (place >= sizeof end) png_error(png, "the file ends early");
            destination[i++] = end[place];
            reader->position++;
        }
    }
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

bool cimage_png_read_header(cimage_png_reader *reader, cimage_png_header *header) {
    png_structp png = reader->png;
    png_infop info = reader->info;
    if (setjmp(png_jmpbuf(png))) return false;

    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller has limits with better messages
    png_set_chunk_malloc_max(png, max_chunk_bytes);
    png_set_chunk_cache_max(png, max_kept_chunks);
    // A damaged chunk that the image can do without is left out; the caller looks for them.
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    // What the caller reads itself, or nobody.
    static const png_byte unread[] = "tEXt\0zTXt\0iTXt\0eXIf\0tIME\0sPLT\0hIST\0pCAL\0sCAL\0pHYs\0oFFs";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unread, sizeof unread / 5);
    png_read_info(png, info);

    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    header->bits_per_pixel = (uint32_t)png_get_bit_depth(png, info) * png_get_channels(png, info);
    header->has_alpha =
        (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    header->is_grey = (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) == 0;
    return true;
}

// One pass or several over rows of interleaved pixels, which are taken apart where there is alpha. A sample has one
// byte or two.
static void read_rows(cimage_png_reader *reader, uint8_t *rgb, uint8_t *alpha, size_t sample) {
    png_structp png = reader->png;
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    size_t width = png_get_image_width(png, reader->info), height = png_get_image_height(png, reader->info);
    if (png_get_rowbytes(png, reader->info) != width * sample * (alpha ? 4 : 3)) png_error(png, "unexpected row size");
    if (alpha) {
        reader->row = malloc(width * sample * 4);
        if (!reader->row) png_error(png, "out of memory");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < height; y++) {
            uint8_t *rgb_row = rgb + y * width * sample * 3;
            if (!alpha) {
                png_read_row(png, rgb_row, NULL);
                continue;
            }
            uint8_t *alpha_row = alpha + y * width * sample;
            // A pass of an interlaced image adds its pixels to the row as it stands.
            for (size_t x = 0; passes > 1 && x < width; x++) {
                memcpy(reader->row + 4 * sample * x, rgb_row + 3 * sample * x, 3 * sample);
                memcpy(reader->row + (4 * x + 3) * sample, alpha_row + sample * x, sample);
            }
            png_read_row(png, reader->row, NULL);
            for (size_t x = 0; x < width; x++) {
                memcpy(rgb_row + 3 * sample * x, reader->row + 4 * sample * x, 3 * sample);
                memcpy(alpha_row + sample * x, reader->row + (4 * x + 3) * sample, sample);
            }
        }
    }
    png_read_end(png, reader->info);
}

bool cimage_png_read_pixels(cimage_png_reader *reader, uint8_t *rgb, uint8_t *alpha) {
    png_structp png = reader->png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_expand(png);    // palette to RGB, 1 to 4 bits to 8, tRNS to alpha
    png_set_strip_16(png);  // the high byte of 16 bits, as PIL has it
    png_set_gray_to_rgb(png);
    read_rows(reader, rgb, alpha, 1);
    return true;
}

bool cimage_png_read_wide_pixels(cimage_png_reader *reader, uint16_t *rgb, uint16_t *alpha) {
    png_structp png = reader->png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_expand_16(png);
    png_set_gray_to_rgb(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    png_set_swap(png);
#endif
    read_rows(reader, (uint8_t *)rgb, (uint8_t *)alpha, 2);
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

uint32_t cimage_crc32(const uint8_t *bytes, size_t size) { return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, size); }

bool cimage_inflate(const uint8_t *bytes, size_t size, size_t limit, cimage_buffer *output) {
    z_stream stream = {0};
    if (size > UINT32_MAX || inflateInit(&stream) != Z_OK) return false;
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)size;
    size_t capacity = 0;
    uint8_t *result = NULL;
    int status = Z_OK;
    while (status == Z_OK && stream.total_out < limit) {
        size_t wanted = capacity == 0 ? 4 * size + 64 : 2 * capacity;
        if (wanted > limit) wanted = limit;
        uint8_t *grown = realloc(result, wanted);
        if (!grown) break;
        result = grown;
        capacity = wanted;
        stream.next_out = result + stream.total_out;
        stream.avail_out = (uInt)(capacity - stream.total_out);
        status = inflate(&stream, Z_NO_FLUSH);
        if (status == Z_BUF_ERROR && stream.avail_in > 0) status = Z_OK;
    }
    bool done = status == Z_STREAM_END;
    if (done) {
        *output = (cimage_buffer){result, stream.total_out};
    } else {
        free(result);
    }
    inflateEnd(&stream);
    return done;
}
