#include "library.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// HEIC and AVIF by libheif (heif.h, the same from 1.12 to 1.20 in what is declared here).

typedef struct {
    int code, subcode;
    const char *message;
} heif_error;

enum {
    colourspace_rgb = 1,
    chroma_rgb = 10,
    chroma_rgba = 11,
    chroma_rgb_16 = 14,  // little-endian
    chroma_rgba_16 = 15,
    channel_interleaved = 10,
    first_known_version = 0x010C0000,
    first_unknown_version = 0x02000000,
    most_metadata_blocks = 16,
};

static const int compressions[2] = {1, 4};  // HEVC, AV1, by cimage_heif_kind

// Version 1 of the structure, which later ones only add to.
typedef struct {
    uint8_t version;
    int primaries, transfer, matrix;
    uint8_t full_range;
} nclx_profile;

typedef struct {
    int version;
    heif_error (*write)(void *context, const void *data, size_t size, void *user);
} heif_writer;

static struct {
    uint32_t (*get_version_number)(void);
    int (*have_decoder)(int compression);
    int (*have_encoder)(int compression);
    void *(*context_alloc)(void);
    void (*context_free)(void *context);
    heif_error (*read_from_memory)(void *context, const void *data, size_t size, const void *options);
    heif_error (*get_primary)(void *context, void **handle);
    void (*handle_release)(const void *handle);
    int (*handle_width)(const void *handle);
    int (*handle_height)(const void *handle);
    int (*handle_has_alpha)(const void *handle);
    int (*handle_is_premultiplied)(const void *handle);
    int (*handle_luma_bits)(const void *handle);
    size_t (*handle_profile_size)(const void *handle);
    heif_error (*handle_profile)(const void *handle, void *profile);
    int (*handle_metadata_ids)(const void *handle, const char *type, uint32_t *ids, int count);
    size_t (*handle_metadata_size)(const void *handle, uint32_t id);
    heif_error (*handle_metadata)(const void *handle, uint32_t id, void *data);
    heif_error (*decode)(const void *handle, void **image, int colourspace, int chroma, const void *options);
    void (*image_release)(const void *image);
    int (*image_width)(const void *image, int channel);
    int (*image_height)(const void *image, int channel);
    int (*image_bits)(const void *image, int channel);
    const uint8_t *(*image_plane)(const void *image, int channel, int *stride);
    heif_error (*handle_nclx)(const void *handle, nclx_profile **profile);
    heif_error (*image_nclx)(const void *image, nclx_profile **profile);
    void (*nclx_free)(nclx_profile *profile);
    heif_error (*get_encoder)(void *context, int compression, void **encoder);
    void (*encoder_release)(void *encoder);
    heif_error (*encoder_set_quality)(void *encoder, int quality);
    heif_error (*image_create)(int width, int height, int colourspace, int chroma, void **image);
    heif_error (*image_add_plane)(void *image, int channel, int width, int height, int bits);
    uint8_t *(*image_plane_to_fill)(void *image, int channel, int *stride);
    heif_error (*image_set_profile)(void *image, const char *type, const void *profile, size_t size);
    heif_error (*encode)(void *context, const void *image, void *encoder, const void *options, void **handle);
    heif_error (*add_exif)(void *context, const void *handle, const void *data, int size);
    heif_error (*write)(void *context, heif_writer *writer, void *user);
} heif;

static bool is_loaded;

static void load(void) {
    const library_symbol symbols[] = {
        {"heif_get_version_number", &heif.get_version_number},
        {"heif_have_decoder_for_format", &heif.have_decoder},
        {"heif_have_encoder_for_format", &heif.have_encoder},
        {"heif_context_alloc", &heif.context_alloc},
        {"heif_context_free", &heif.context_free},
        {"heif_context_read_from_memory_without_copy", &heif.read_from_memory},
        {"heif_context_get_primary_image_handle", &heif.get_primary},
        {"heif_image_handle_release", &heif.handle_release},
        {"heif_image_handle_get_width", &heif.handle_width},
        {"heif_image_handle_get_height", &heif.handle_height},
        {"heif_image_handle_has_alpha_channel", &heif.handle_has_alpha},
        {"heif_image_handle_is_premultiplied_alpha", &heif.handle_is_premultiplied},
        {"heif_image_handle_get_luma_bits_per_pixel", &heif.handle_luma_bits},
        {"heif_image_handle_get_raw_color_profile_size", &heif.handle_profile_size},
        {"heif_image_handle_get_raw_color_profile", &heif.handle_profile},
        {"heif_image_handle_get_list_of_metadata_block_IDs", &heif.handle_metadata_ids},
        {"heif_image_handle_get_metadata_size", &heif.handle_metadata_size},
        {"heif_image_handle_get_metadata", &heif.handle_metadata},
        {"heif_decode_image", &heif.decode},
        {"heif_image_release", &heif.image_release},
        {"heif_image_get_width", &heif.image_width},
        {"heif_image_get_height", &heif.image_height},
        {"heif_image_get_bits_per_pixel_range", &heif.image_bits},
        {"heif_image_get_plane_readonly", &heif.image_plane},
        {"heif_image_handle_get_nclx_color_profile", &heif.handle_nclx},
        {"heif_image_get_nclx_color_profile", &heif.image_nclx},
        {"heif_nclx_color_profile_free", &heif.nclx_free},
        {"heif_context_get_encoder_for_format", &heif.get_encoder},
        {"heif_encoder_release", &heif.encoder_release},
        {"heif_encoder_set_lossy_quality", &heif.encoder_set_quality},
        {"heif_image_create", &heif.image_create},
        {"heif_image_add_plane", &heif.image_add_plane},
        {"heif_image_get_plane", &heif.image_plane_to_fill},
        {"heif_image_set_raw_color_profile", &heif.image_set_profile},
        {"heif_context_encode_image", &heif.encode},
        {"heif_context_add_exif_metadata", &heif.add_exif},
        {"heif_context_write", &heif.write},
    };
    if (!open_library("libheif.so.1", symbols, sizeof symbols / sizeof *symbols)) return;
    uint32_t version = heif.get_version_number();
    is_loaded = version >= first_known_version && version < first_unknown_version;
}

static bool is_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_loaded;
}

bool cimage_heif_can_read(cimage_heif_kind kind) { return is_available() && heif.have_decoder(compressions[kind]); }

bool cimage_heif_can_write(cimage_heif_kind kind) { return is_available() && heif.have_encoder(compressions[kind]); }

typedef struct {
    void *context, *handle;
    cimage_header header;
} heif_reader;

static void close_reader(void *opaque) {
    heif_reader *reader = opaque;
    if (reader->handle) heif.handle_release(reader->handle);
    heif.context_free(reader->context);
    free(reader);
}

static void *open_reader(const uint8_t *data, size_t size, cimage_header *header, char message[CIMAGE_MESSAGE_SIZE]) {
    heif_reader *reader = is_available() ? calloc(1, sizeof *reader) : NULL;
    if (reader) reader->context = heif.context_alloc();
    if (!reader || !reader->context) {
        free(reader);
        set_message(message, "out of memory");
        return NULL;
    }
    heif_error error = heif.read_from_memory(reader->context, data, size, NULL);
    if (error.code == 0) error = heif.get_primary(reader->context, &reader->handle);
    if (error.code != 0) {
        reader->handle = NULL;
        set_message(message, error.message ? error.message : "libheif cannot read it");
        close_reader(reader);
        return NULL;
    }
    int width = heif.handle_width(reader->handle), height = heif.handle_height(reader->handle);
    reader->header = (cimage_header){
        .width = width > 0 ? (uint32_t)width : 0,
        .height = height > 0 ? (uint32_t)height : 0,
        .channels = heif.handle_has_alpha(reader->handle) ? 4 : 3,
        .bits = heif.handle_luma_bits(reader->handle) > 8 ? 16 : 8,
        .is_premultiplied = heif.handle_is_premultiplied(reader->handle) != 0,
    };
    *header = reader->header;
    return reader;
}

// An icc or rICC profile; nothing for nclx, which is known once the image is decoded.
static bool read_profile(void *opaque, cimage_buffer *profile) {
    enum { most = 16 << 20 };
    const heif_reader *reader = opaque;
    size_t size = heif.handle_profile_size(reader->handle);
    if (size == 0 || size > most) return false;
    uint8_t *bytes = malloc(size);
    if (!bytes || heif.handle_profile(reader->handle, bytes).code != 0) {
        free(bytes);
        return false;
    }
    *profile = (cimage_buffer){bytes, size};
    return true;
}

// The block starts with the offset of the TIFF header from the end of these four bytes.
static bool read_exif(void *opaque, cimage_buffer *exif) {
    enum { most = 64 << 20, offset_bytes = 4 };
    const heif_reader *reader = opaque;
    uint32_t id;
    if (heif.handle_metadata_ids(reader->handle, "Exif", &id, 1) < 1) return false;
    size_t size = heif.handle_metadata_size(reader->handle, id);
    if (size <= offset_bytes || size > most) return false;
    uint8_t *bytes = malloc(size);
    if (!bytes || heif.handle_metadata(reader->handle, id, bytes).code != 0) {
        free(bytes);
        return false;
    }
    size_t offset = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    size_t start = offset < size - offset_bytes ? offset_bytes + offset : offset_bytes;
    memmove(bytes, bytes + start, size - start);
    *exif = (cimage_buffer){bytes, size - start};
    return true;
}

// Samples of 9 to 15 bits fill 16, the highest ones repeated below.
static void upcast(uint16_t *samples, size_t count, int bits) {
    for (size_t i = 0; i < count; i++) {
        unsigned value = samples[i];
        samples[i] = (uint16_t)(value << (16 - bits) | value >> (2 * bits - 16));
    }
}

static bool copy_pixels(const heif_reader *reader, void *image, void *pixels, char message[CIMAGE_MESSAGE_SIZE]) {
    const cimage_header *header = &reader->header;
    int stride = 0, bits = heif.image_bits(image, channel_interleaved);
    const uint8_t *plane = heif.image_plane(image, channel_interleaved, &stride);
    size_t row = (size_t)header->width * header->channels * (header->bits / 8);
    bool fits = plane && stride > 0 && (size_t)stride >= row &&
                heif.image_width(image, channel_interleaved) == (int)header->width &&
                heif.image_height(image, channel_interleaved) == (int)header->height &&
                (header->bits == 8 ? bits == 8 : bits > 8 && bits <= 16);
    if (!fits) {
        set_message(message, "the image is not of the size that the file says");
        return false;
    }
    for (size_t y = 0; y < header->height; y++) {
        uint8_t *output = (uint8_t *)pixels + y * row;
        memcpy(output, plane + y * (size_t)stride, row);
        if (header->bits == 16 && bits < 16) upcast((uint16_t *)output, row / 2, bits);
    }
    return true;
}

static bool read_pixels(void *opaque, void *pixels, cimage_colours *colours, char message[CIMAGE_MESSAGE_SIZE]) {
    const heif_reader *reader = opaque;
    bool has_alpha = reader->header.channels == 4;
    int chroma = reader->header.bits == 8 ? (has_alpha ? chroma_rgba : chroma_rgb)
                                          : (has_alpha ? chroma_rgba_16 : chroma_rgb_16);
    void *image = NULL;
    heif_error error = heif.decode(reader->handle, &image, colourspace_rgb, chroma, NULL);
    if (error.code != 0 || !image) {
        set_message(message, error.message ? error.message : "libheif cannot read it");
        return false;
    }
    // By the container, else by the coded image.
    nclx_profile *profile = NULL;
    if (heif.handle_nclx(reader->handle, &profile).code != 0 || !profile) {
        profile = NULL;
        if (heif.image_nclx(image, &profile).code != 0) profile = NULL;
    }
    if (profile) {
        *colours = (cimage_colours){(uint16_t)profile->primaries, (uint16_t)profile->transfer};
        heif.nclx_free(profile);
    }
    bool done = copy_pixels(reader, image, pixels, message);
    heif.image_release(image);
    return done;
}

const cimage_decoder *cimage_heif_decoder(void) {
    static const cimage_decoder decoder = {is_available, open_reader, close_reader,
                                           read_profile, read_exif,   read_pixels};
    return &decoder;
}

static heif_error append(void *context, const void *data, size_t size, void *user) {
    (void)context;
    cimage_buffer *output = user;
    uint8_t *grown = realloc(output->bytes, output->size + size);
    if (!grown) return (heif_error){6, 0, "out of memory"};
    memcpy(grown + output->size, data, size);
    *output = (cimage_buffer){grown, output->size + size};
    return (heif_error){0, 0, ""};
}

static heif_error fill(void *image, const cimage_picture *picture) {
    int channels = picture->alpha ? 4 : 3, stride = 0;
    heif_error error = heif.image_add_plane(image, channel_interleaved, (int)picture->width, (int)picture->height, 8);
    if (error.code != 0) return error;
    uint8_t *plane = heif.image_plane_to_fill(image, channel_interleaved, &stride);
    if (!plane) return (heif_error){6, 0, "out of memory"};
    for (size_t y = 0; y < picture->height; y++) {
        uint8_t *row = plane + y * (size_t)stride;
        const uint8_t *rgb = picture->rgb + 3 * y * picture->width;
        for (size_t x = 0; x < picture->width; x++) {
            memcpy(row + x * (size_t)channels, rgb + 3 * x, 3);
            if (picture->alpha) row[4 * x + 3] = picture->alpha[y * picture->width + x];
        }
    }
    if (!picture->icc) return error;
    return heif.image_set_profile(image, "prof", picture->icc, picture->icc_size);
}

bool cimage_avif_encode(const cimage_picture *picture, int quality, const uint8_t *exif, uint32_t exif_size,
                        cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]) {
    if (!is_available()) return false;
    void *context = heif.context_alloc(), *encoder = NULL, *image = NULL, *handle = NULL;
    if (!context) return false;
    heif_error error = heif.get_encoder(context, compressions[cimage_heif_av1], &encoder);
    if (error.code == 0) error = heif.encoder_set_quality(encoder, quality);
    int chroma = picture->alpha ? chroma_rgba : chroma_rgb;
    if (error.code == 0) {
        error = heif.image_create((int)picture->width, (int)picture->height, colourspace_rgb, chroma, &image);
    }
    if (error.code == 0) error = fill(image, picture);
    if (error.code == 0) error = heif.encode(context, image, encoder, NULL, &handle);
    if (error.code == 0 && exif) error = heif.add_exif(context, handle, exif, (int)exif_size);
    cimage_buffer written = {NULL, 0};
    heif_writer writer = {1, append};
    if (error.code == 0) error = heif.write(context, &writer, &written);
    if (error.code != 0) set_message(message, error.message ? error.message : "libheif cannot write it");
    if (handle) heif.handle_release(handle);
    if (image) heif.image_release(image);
    if (encoder) heif.encoder_release(encoder);
    heif.context_free(context);
    if (error.code == 0) {
        *output = written;
    } else {
        free(written.bytes);
    }
    return error.code == 0;
}
