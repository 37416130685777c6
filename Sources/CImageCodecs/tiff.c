#include "library.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// The first image of a TIFF file by libtiff (tiffio.h, the same in all of 4.x; the limit of allocations is of 4.5).
//
// Samples of 8 and 16 bits in grey, RGB and CMYK are read as they are stored, so that profiles can be applied and alpha
// stays apart. Everything else (palettes, bilevel scans, YCbCr, Lab, logarithmic) comes from libtiff's own conversion
// to RGBA.

enum {
    tag_width = 256,
    tag_height = 257,
    tag_bits = 258,
    tag_compression = 259,
    tag_photometric = 262,
    tag_samples_per_pixel = 277,
    tag_rows_per_strip = 278,
    tag_planar = 284,
    tag_ink_set = 332,
    tag_tile_width = 322,
    tag_tile_height = 323,
    tag_extra_samples = 338,
    tag_sample_format = 339,
    tag_profile = 34675,
    tag_orientation = 274,
    tag_jpeg_colour_mode = 65538,
    white_is_zero = 0,
    black_is_zero = 1,
    photometric_rgb = 2,
    photometric_cmyk = 5,
    photometric_ycbcr = 6,
    compression_jpeg = 7,
    separate_planes = 2,
    associated_alpha = 1,
    unassociated_alpha = 2,
    format_unsigned = 1,
    format_undefined = 4,
    ink_set_cmyk = 1,
    most_samples = 8,
};

typedef ptrdiff_t tiff_size;
typedef tiff_size (*transfer_function)(void *user, void *buffer, tiff_size size);

static struct {
    void *(*set_error_handler)(void *handler);
    void *(*set_warning_handler)(void *handler);
    void *(*options_alloc)(void);
    void (*options_free)(void *options);
    void (*options_set_limit)(void *options, tiff_size limit);
    void *(*open)(const char *name, const char *mode, void *user, transfer_function read, transfer_function write,
                  uint64_t (*seek)(void *, uint64_t, int), int (*close)(void *), uint64_t (*size)(void *),
                  int (*map)(void *, void **, uint64_t *), void (*unmap)(void *, void *, uint64_t), void *options);
    void (*close)(void *tiff);
    int (*get)(void *tiff, uint32_t tag, ...);
    int (*get_defaulted)(void *tiff, uint32_t tag, ...);
    int (*set)(void *tiff, uint32_t tag, ...);
    int (*is_tiled)(void *tiff);
    uint64_t (*strip_size)(void *tiff);
    uint64_t (*tile_size)(void *tiff);
    uint32_t (*strip_at)(void *tiff, uint32_t row, uint16_t sample);
    uint32_t (*tile_at)(void *tiff, uint32_t x, uint32_t y, uint32_t z, uint16_t sample);
    tiff_size (*read_strip)(void *tiff, uint32_t strip, void *buffer, tiff_size size);
    tiff_size (*read_tile)(void *tiff, uint32_t tile, void *buffer, tiff_size size);
    int (*rgba_ok)(void *tiff, char message[1024]);
    int (*read_rgba)(void *tiff, uint32_t width, uint32_t height, uint32_t *raster, int orientation, int stop);
} tiff;

static bool is_loaded;

static void load(void) {
    const library_symbol symbols[] = {
        {"TIFFSetErrorHandler", &tiff.set_error_handler},
        {"TIFFSetWarningHandler", &tiff.set_warning_handler},
        {"TIFFOpenOptionsAlloc", &tiff.options_alloc},
        {"TIFFOpenOptionsFree", &tiff.options_free},
        {"TIFFOpenOptionsSetMaxSingleMemAlloc", &tiff.options_set_limit},
        {"TIFFClientOpenExt", &tiff.open},
        {"TIFFClose", &tiff.close},
        {"TIFFGetField", &tiff.get},
        {"TIFFGetFieldDefaulted", &tiff.get_defaulted},
        {"TIFFSetField", &tiff.set},
        {"TIFFIsTiled", &tiff.is_tiled},
        {"TIFFStripSize64", &tiff.strip_size},
        {"TIFFTileSize64", &tiff.tile_size},
        {"TIFFComputeStrip", &tiff.strip_at},
        {"TIFFComputeTile", &tiff.tile_at},
        {"TIFFReadEncodedStrip", &tiff.read_strip},
        {"TIFFReadEncodedTile", &tiff.read_tile},
        {"TIFFRGBAImageOK", &tiff.rgba_ok},
        {"TIFFReadRGBAImageOriented", &tiff.read_rgba},
    };
    if (!open_library("libtiff.so.6", symbols, sizeof symbols / sizeof *symbols)) return;
    tiff.set_error_handler(NULL);  // they print
    tiff.set_warning_handler(NULL);
    is_loaded = true;
}

static bool is_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_loaded;
}

typedef struct {
    void *tiff;
    const uint8_t *data;
    uint64_t size, position;
    cimage_header header;
    uint32_t width, height;
    uint16_t samples, bits, photometric, planar;
    bool is_direct, alpha_is_last;
} tiff_reader;

static tiff_size read_bytes(void *user, void *buffer, tiff_size size) {
    tiff_reader *reader = user;
    if (size <= 0 || reader->position >= reader->size) return 0;
    uint64_t left = reader->size - reader->position;
    size_t count = (uint64_t)size < left ? (size_t)size : (size_t)left;
    memcpy(buffer, reader->data + reader->position, count);
    reader->position += count;
    return (tiff_size)count;
}

static tiff_size write_nothing(void *user, void *buffer, tiff_size size) {
    (void)user;
    (void)buffer;
    (void)size;
    return 0;
}

static uint64_t seek(void *user, uint64_t offset, int whence) {
    tiff_reader *reader = user;
    if (whence == SEEK_CUR) offset += reader->position;
    if (whence == SEEK_END) offset += reader->size;
    reader->position = offset;
    return offset;
}

static int close_nothing(void *user) {
    (void)user;
    return 0;
}

static uint64_t file_size(void *user) { return ((tiff_reader *)user)->size; }

static int map(void *user, void **base, uint64_t *size) {
    tiff_reader *reader = user;
    *base = (void *)reader->data;
    *size = reader->size;
    return 1;
}

static void unmap(void *user, void *base, uint64_t size) {
    (void)user;
    (void)base;
    (void)size;
}

static void close_reader(void *opaque) {
    tiff_reader *reader = opaque;
    if (reader->tiff) tiff.close(reader->tiff);
    free(reader);
}

// Which kinds of channels there are; NULL, or why the file is not read.
static const char *read_header(tiff_reader *reader) {
    void *file = reader->tiff;
    uint16_t compression = 0, format = format_unsigned, extra_count = 0, *extra = NULL, ink_set = ink_set_cmyk;
    if (!tiff.get(file, tag_width, &reader->width) || !tiff.get(file, tag_height, &reader->height)) {
        return "it has no size";
    }
    tiff.get_defaulted(file, tag_bits, &reader->bits);
    tiff.get_defaulted(file, tag_samples_per_pixel, &reader->samples);
    tiff.get_defaulted(file, tag_planar, &reader->planar);
    tiff.get_defaulted(file, tag_compression, &compression);
    tiff.get_defaulted(file, tag_sample_format, &format);
    tiff.get_defaulted(file, tag_extra_samples, &extra_count, &extra);
    if (!tiff.get(file, tag_photometric, &reader->photometric)) {
        reader->photometric = reader->samples >= 3 ? photometric_rgb : black_is_zero;
    }
    if (format != format_unsigned && format != format_undefined) return "samples that are not whole numbers";
    if (reader->photometric == photometric_cmyk) {
        tiff.get_defaulted(file, tag_ink_set, &ink_set);
        if (ink_set != ink_set_cmyk) return "inks other than CMYK";
    }
    if (reader->photometric == photometric_ycbcr && compression == compression_jpeg) {
        tiff.set(file, tag_jpeg_colour_mode, 1);  // libtiff converts to RGB
        reader->photometric = photometric_rgb;
    }
    unsigned colours = reader->photometric == photometric_cmyk  ? 4
                       : reader->photometric == photometric_rgb ? 3
                       : reader->photometric <= black_is_zero   ? 1
                                                                : 0;
    reader->is_direct = colours > 0 && (reader->bits == 8 || reader->bits == 16) && reader->samples >= colours &&
                        reader->samples <= most_samples;
    bool has_alpha = false, is_premultiplied = false;
    if (extra_count > 0 && extra && extra_count < reader->samples && reader->samples - extra_count == colours) {
        is_premultiplied = extra[0] == associated_alpha;
        has_alpha = is_premultiplied || extra[0] == unassociated_alpha;
    }
    if (!reader->is_direct) {
        char message[1024];
        if (!tiff.rgba_ok(file, message)) return "its kind of samples";
        has_alpha = false;
    }
    reader->header = (cimage_header){
        .width = reader->width,
        .height = reader->height,
        .bits = 8,
        .channels = colours == 4 && reader->is_direct ? (has_alpha ? 5 : 4)
                    : has_alpha                       ? 4
                                                      : 3,
        .is_cmyk = colours == 4 && reader->is_direct,
        .is_grey = colours == 1,
        .is_premultiplied = is_premultiplied && reader->is_direct,
    };
    return NULL;
}

static void *open_reader(const uint8_t *data, size_t size, cimage_header *header, char message[CIMAGE_MESSAGE_SIZE]) {
    enum { most_bytes_at_once = 1 << 30 };
    tiff_reader *reader = is_available() ? calloc(1, sizeof *reader) : NULL;
    void *options = reader ? tiff.options_alloc() : NULL;
    if (!options) {
        free(reader);
        set_message(message, "out of memory");
        return NULL;
    }
    reader->data = data;
    reader->size = size;
    tiff.options_set_limit(options, most_bytes_at_once);
    // M: by the mapping below, which is no copy
    reader->tiff =
        tiff.open("", "rM", reader, read_bytes, write_nothing, seek, close_nothing, file_size, map, unmap, options);
    tiff.options_free(options);
    const char *problem = reader->tiff ? read_header(reader) : "libtiff cannot read it";
    if (problem) {
        set_message(message, problem);
        close_reader(reader);
        return NULL;
    }
    *header = reader->header;
    return reader;
}

static bool read_profile(void *opaque, cimage_buffer *profile) {
    const tiff_reader *reader = opaque;
    uint32_t size = 0;
    void *bytes = NULL;
    if (!tiff.get(reader->tiff, tag_profile, &size, &bytes) || size == 0 || !bytes) return false;
    uint8_t *copy = malloc(size);
    if (!copy) return false;
    memcpy(copy, bytes, size);
    *profile = (cimage_buffer){copy, size};
    return true;
}

// A block of stored samples, and which part of the image it is.
typedef struct {
    uint32_t x, y, columns, rows;
    size_t row_bytes, sample_step;
    uint16_t first_sample, samples;
} block;

static void put_block(const tiff_reader *reader, const uint8_t *bytes, const block *part, uint8_t *pixels) {
    size_t channels = reader->header.channels, stored = reader->bits / 8;
    bool grey = reader->header.is_grey, inverted = reader->photometric == white_is_zero;
    for (uint32_t row = 0; row < part->rows; row++) {
        const uint8_t *source = bytes + row * part->row_bytes;
        uint8_t *output = pixels + ((size_t)(part->y + row) * reader->width + part->x) * channels;
        for (uint32_t column = 0; column < part->columns; column++, output += channels) {
            for (unsigned i = 0; i < part->samples; i++) {
                // libtiff gives 16 bits in the machine's order; of them the high byte is kept.
                uint8_t value = source[(size_t)column * part->sample_step + i * stored + (stored - 1)];
                unsigned sample = part->first_sample + i;
                if (grey && sample == 0) {
                    if (inverted) value = (uint8_t)(255 - value);
                    output[0] = output[1] = output[2] = value;
                } else {
                    size_t channel = grey ? 2 + sample : sample;
                    if (channel < channels) output[channel] = value;
                }
            }
        }
    }
}

static bool read_blocks(const tiff_reader *reader, uint8_t *pixels) {
    void *file = reader->tiff;
    bool is_tiled = tiff.is_tiled(file), is_separate = reader->planar == separate_planes && reader->samples > 1;
    uint32_t columns = reader->width, rows = 0;
    if (is_tiled) {
        if (!tiff.get(file, tag_tile_width, &columns) || !tiff.get(file, tag_tile_height, &rows)) return false;
    } else {
        tiff.get_defaulted(file, tag_rows_per_strip, &rows);
        if (rows > reader->height) rows = reader->height;
    }
    if (columns == 0 || rows == 0) return false;
    uint64_t size = is_tiled ? tiff.tile_size(file) : tiff.strip_size(file);
    uint16_t samples = is_separate ? 1 : reader->samples, planes = is_separate ? reader->samples : 1;
    size_t step = (size_t)samples * (reader->bits / 8);
    // A tile may reach over the border, but not be many times as large as the image.
    enum { small = 1 << 24 };
    uint64_t whole = (uint64_t)reader->width * reader->height * reader->samples * (reader->bits / 8);
    if (size == 0 || size > 4 * whole + small || size < (uint64_t)columns * rows * step) return false;
    uint8_t *bytes = malloc((size_t)size);
    if (!bytes) return false;
    bool done = true;
    for (uint16_t plane = 0; plane < planes && done; plane++) {
        for (uint32_t y = 0; y < reader->height && done; y += rows) {
            for (uint32_t x = 0; x < reader->width && done; x += columns) {
                block part = {
                    .x = x,
                    .y = y,
                    .columns = columns < reader->width - x ? columns : reader->width - x,
                    .rows = rows < reader->height - y ? rows : reader->height - y,
                    .row_bytes = columns * step,
                    .sample_step = step,
                    .first_sample = plane,
                    .samples = samples,
                };
                // The last strip holds no more rows than there are.
                tiff_size wanted = is_tiled ? (tiff_size)size : (tiff_size)(part.rows * part.row_bytes);
                tiff_size got = is_tiled ? tiff.read_tile(file, tiff.tile_at(file, x, y, 0, plane), bytes, wanted)
                                         : tiff.read_strip(file, tiff.strip_at(file, y, plane), bytes, wanted);
                done = got == wanted;
                if (done) put_block(reader, bytes, &part, pixels);
            }
            if (rows > UINT32_MAX - y) break;
        }
    }
    free(bytes);
    return done;
}

static bool read_converted(const tiff_reader *reader, uint8_t *pixels) {
    size_t count = (size_t)reader->width * reader->height;
    uint32_t *raster = malloc(count * sizeof *raster);
    uint16_t orientation = 1;
    tiff.get_defaulted(reader->tiff, tag_orientation, &orientation);
    // Asked for as stored: the caller turns it.
    bool done = raster && tiff.read_rgba(reader->tiff, reader->width, reader->height, raster, orientation, 1);
    for (size_t i = 0; done && i < count; i++) {
        for (unsigned channel = 0; channel < 3; channel++) {
            pixels[3 * i + channel] = (uint8_t)(raster[i] >> (8 * channel));
        }
    }
    free(raster);
    return done;
}

static bool read_pixels(void *opaque, void *pixels, cimage_colours *colours, char message[CIMAGE_MESSAGE_SIZE]) {
    const tiff_reader *reader = opaque;
    (void)colours;
    bool done = reader->is_direct ? read_blocks(reader, pixels) : read_converted(reader, pixels);
    if (!done) set_message(message, "libtiff cannot read it, or it is cut off");
    return done;
}

const cimage_decoder *cimage_tiff_decoder(void) {
    static const cimage_decoder decoder = {is_available, open_reader, close_reader, read_profile, NULL, read_pixels};
    return &decoder;
}
