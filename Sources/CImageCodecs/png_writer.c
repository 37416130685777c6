#include "cimagecodecs.h"
#include "png_common.h"
#include "processors.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// The pixels are deflated in bands of rows, which libpng cannot do: each band by itself, so that several can be made at
// the same time, and one after the other they are one zlib stream. Paeth's filter and run lengths of zlib take a
// quarter of the time of libpng's filters and level 4, for files as small: filtered photos hold little that repeats.

enum {
    band_bytes = 1 << 16,  // a band's filtered rows, unless one row is longer
    paeth = 4,
    raw_deflate = -15,
    most_memory = 9,
    flush_bytes = 64,  // more than a flush adds to what deflateBound counts
};

// Each byte less the one of its left, upper and upper left neighbours that is nearest to left + upper - upper left.
FOR_EACH_PROCESSOR
static void filter_row(const uint8_t *restrict row, const uint8_t *restrict above, size_t pixel, size_t size,
                       uint8_t *restrict output) {
    for (size_t i = 0; i < pixel; i++) output[i] = (uint8_t)(row[i] - above[i]);
    for (size_t i = pixel; i < size; i++) {
        int left = row[i - pixel], upper = above[i], corner = above[i - pixel];
        int to_left = abs(upper - corner), to_upper = abs(left - corner), to_corner = abs(left + upper - 2 * corner);
        int other = to_upper <= to_corner ? upper : corner;
        int nearest = to_left <= to_upper && to_left <= to_corner ? left : other;
        output[i] = (uint8_t)(row[i] - nearest);
    }
}

static size_t pixel_bytes(const cimage_picture *picture) { return picture->alpha ? 4 : 3; }

static size_t row_bytes(const cimage_picture *picture) { return pixel_bytes(picture) * picture->width; }

static size_t band_rows(const cimage_picture *picture) {
    size_t rows = band_bytes / (row_bytes(picture) + 1);
    return rows > 0 ? rows : 1;
}

size_t cimage_png_band_count(const cimage_picture *picture) {
    return (picture->height + band_rows(picture) - 1) / band_rows(picture);
}

// A row as the file has it: the image's own bytes, or with alpha in `mixed`.
static const uint8_t *stored_row(const cimage_picture *picture, size_t y, uint8_t *mixed) {
    size_t width = picture->width;
    const uint8_t *rgb = picture->rgb + 3 * y * width;
    if (!picture->alpha) return rgb;
    interleave(mixed, rgb, picture->alpha + y * width, width);
    return mixed;
}

// `mixed` has room for two rows.
static void filter_rows(const cimage_picture *picture, size_t first, size_t end, uint8_t *mixed, uint8_t *filtered) {
    size_t size = row_bytes(picture);
    const uint8_t *above = mixed + (first + 1) % 2 * size;
    if (first > 0) {
        above = stored_row(picture, first - 1, mixed + (first + 1) % 2 * size);
    } else {
        memset(mixed, 0, 2 * size);
    }
    for (size_t y = first; y < end; y++) {
        const uint8_t *row = stored_row(picture, y, mixed + y % 2 * size);
        *filtered = paeth;
        filter_row(row, above, pixel_bytes(picture), size, filtered + 1);
        filtered += size + 1;
        above = row;
    }
}

bool cimage_png_deflate_band(const cimage_picture *picture, size_t index, cimage_png_band *band) {
    size_t first = index * band_rows(picture), end = first + band_rows(picture);
    if (end > picture->height) end = picture->height;
    size_t size = row_bytes(picture), filtered_size = (end - first) * (size + 1);
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, raw_deflate, most_memory, Z_RLE) != Z_OK) return false;
    size_t capacity = deflateBound(&stream, filtered_size) + flush_bytes;
    uint8_t *output = malloc(capacity), *rows = malloc(filtered_size + 2 * size);
    bool done = output && rows;
    if (done) {
        filter_rows(picture, first, end, rows + filtered_size, rows);
        // A row is at most four million bytes long.
        stream.next_in = rows;
        stream.avail_in = (uInt)filtered_size;
        stream.next_out = output;
        stream.avail_out = (uInt)capacity;
        bool is_last = end == picture->height;
        int result = deflate(&stream, is_last ? Z_FINISH : Z_SYNC_FLUSH);
        done = result == (is_last ? Z_STREAM_END : Z_OK) && stream.avail_in == 0 && stream.avail_out > 0;
        uint32_t sum = (uint32_t)adler32(adler32(0, NULL, 0), rows, (uInt)filtered_size);
        *band = (cimage_png_band){{output, capacity - stream.avail_out}, filtered_size, sum};
    }
    deflateEnd(&stream);
    free(rows);
    if (!done) free(output);
    return done;
}

// The state of an encoder lives outside the function that calls setjmp: its locals would be lost to longjmp.
typedef struct {
    png_structp png;
    png_infop info;
    cimage_buffer output;
    size_t capacity;
} png_writer;

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
    png_writer *writer = png_get_io_ptr(png);
    if (count > writer->capacity - writer->output.size) {
        size_t capacity = (writer->output.size + count) * 2;
        uint8_t *grown = realloc(writer->output.bytes, capacity);
        if (!grown) png_error(png, "out of memory");
        writer->output.bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->output.bytes + writer->output.size, bytes, count);
    writer->output.size += count;
}

static void flush_nothing(png_structp png) { (void)png; }

// The bands as IDAT chunks: zlib's two bytes before the first, the checksum after the last. libpng ends a file only
// with IDAT chunks of its own, so IEND is written like them.
static void write_bands(png_structp png, const cimage_png_band *bands, size_t count) {
    static const uint8_t zlib_header[2] = {0x78, 0x01};  // deflate with a window of 32 KiB, no dictionary
    uLong sum = adler32(0, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        const cimage_png_band *band = &bands[i];
        sum = adler32_combine(sum, band->sum, (z_off_t)band->filtered_size);
        bool is_first = i == 0, is_last = i + 1 == count;
        size_t length = band->deflated.size + (is_first ? 2 : 0) + (is_last ? 4 : 0);
        png_write_chunk_start(png, (png_const_bytep) "IDAT", (png_uint_32)length);
        if (is_first) png_write_chunk_data(png, zlib_header, sizeof zlib_header);
        png_write_chunk_data(png, band->deflated.bytes, band->deflated.size);
        uint8_t check[4];
        png_save_uint_32(check, (png_uint_32)sum);
        if (is_last) png_write_chunk_data(png, check, sizeof check);
        png_write_chunk_end(png);
    }
    png_write_chunk(png, (png_const_bytep) "IEND", NULL, 0);
}

// The length that an ICC profile states, bytes behind it not counted; 0 where it cannot be true. Some versions of
// libpng leave such a profile out, others refuse the image.
static uint32_t icc_length(const uint8_t *icc, uint32_t size) {
    enum { header_size = 128, tag_count_size = 4, version = 8 };
    if (!icc || size < header_size + tag_count_size) return 0;
    uint32_t length = png_get_uint_32(icc);
    bool is_possible =
        length >= header_size + tag_count_size && length <= size && (icc[version] < 4 || length % 4 == 0);
    return is_possible ? length : 0;
}

static bool write_picture(png_writer *writer, const cimage_picture *picture, const cimage_png_band *bands,
                          const cimage_png_extras *extras) {
    png_structp png = writer->png;
    png_infop info = writer->info;
    if (setjmp(png_jmpbuf(png))) return false;

    png_set_write_fn(png, writer, write_bytes, flush_nothing);
    png_set_benign_errors(png, 1);  // a profile that libpng finds fault with is left out; the image is written
    png_set_IHDR(png, info, picture->width, picture->height, 8,
                 picture->alpha ? PNG_COLOR_TYPE_RGBA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    uint32_t length = icc_length(picture->icc, picture->icc_size);
    if (length > 0) png_set_iCCP(png, info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, picture->icc, length);
    if (extras->pixels_per_metre[0] > 0 && extras->pixels_per_metre[1] > 0) {
        png_set_pHYs(png, info, extras->pixels_per_metre[0], extras->pixels_per_metre[1], PNG_RESOLUTION_METER);
    }
    if (extras->text) {
        png_text text = {0};
        text.compression = extras->text_is_utf8 ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
        text.key = (char *)extras->text_key;
        text.text = (char *)extras->text;
        png_set_text(png, info, &text, 1);
    }
    png_write_info(png, info);
    if (extras->exif) png_write_chunk(png, (png_const_bytep) "eXIf", extras->exif, extras->exif_size);
    write_bands(png, bands, cimage_png_band_count(picture));
    return true;
}

bool cimage_png_encode(const cimage_picture *picture, const cimage_png_band *bands, const cimage_png_extras *extras,
                       cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]) {
    png_writer writer = {0};
    writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, raise_error, ignore_warning);
    if (writer.png) writer.info = png_create_info_struct(writer.png);
    bool done = false;
    if (writer.info) {
        done = write_picture(&writer, picture, bands, extras);
    } else {
        snprintf(message, CIMAGE_MESSAGE_SIZE, "out of memory");
    }
    png_destroy_write_struct(&writer.png, &writer.info);
    if (done) {
        *output = writer.output;
    } else {
        free(writer.output.bytes);
    }
    return done;
}
