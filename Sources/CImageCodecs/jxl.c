#include "library.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// JPEG XL by libjxl. Its interface is not yet stable: each version has a soname of its own, and those opened here are
// the ones whose declarations were compared (decode.h, encode.h, codestream_header.h, color_encoding.h of 0.7 to 0.11).

enum {
    success = 0,
    need_image_out_buffer = 5,
    basic_info = 0x40,
    colour_encoding = 0x100,
    full_image = 0x1000,
    target_data = 1,
    type_uint8 = 2,
    type_uint16 = 3,
    little_endian = 1,
    // from this version on the functions about profiles have one argument less
    first_without_format = 9000,
    encoder_success = 0,
    encoder_need_more_output = 2,
};

typedef struct {
    uint32_t channels;
    int type, endianness;
    size_t align;
} pixel_format;

typedef struct {
    int have_container;
    uint32_t xsize, ysize, bits_per_sample, exponent_bits_per_sample;
    float intensity_target, min_nits;
    int relative_to_max_display;
    float linear_below;
    int uses_original_profile, have_preview, have_animation, orientation;
    uint32_t num_color_channels, num_extra_channels, alpha_bits, alpha_exponent_bits;
    int alpha_premultiplied;
    uint32_t preview[2], animation[4], intrinsic_xsize, intrinsic_ysize;
    uint8_t padding[100], room[128];  // the second beyond what is known
} basic_info_fields;

typedef struct {
    int color_space, white_point;
    double white_point_xy[2];
    int primaries;
    double primaries_xy[6];
    int transfer_function;
    double gamma;
    int rendering_intent;
    uint8_t room[128];
} colour_encoding_fields;

static struct {
    uint32_t (*version)(void);
    void *(*create)(const void *memory);
    void (*destroy)(void *decoder);
    int (*subscribe)(void *decoder, int events);
    int (*set_input)(void *decoder, const uint8_t *data, size_t size);
    void (*close_input)(void *decoder);
    int (*process)(void *decoder);
    int (*set_unpremultiply)(void *decoder, int unpremultiply);
    int (*get_basic_info)(const void *decoder, basic_info_fields *info);
    int (*set_preferred_encoding)(void *decoder, const colour_encoding_fields *encoding);
    void *get_encoding, *get_profile_size, *get_profile;  // by version
    int (*out_buffer_size)(const void *decoder, const pixel_format *format, size_t *size);
    int (*set_out_buffer)(void *decoder, const pixel_format *format, void *buffer, size_t size);
    void *(*encoder_create)(const void *memory);
    void (*encoder_destroy)(void *encoder);
    int (*encoder_use_container)(void *encoder, int use);
    int (*encoder_use_boxes)(void *encoder);
    int (*encoder_add_box)(void *encoder, const char type[4], const uint8_t *content, size_t size, int compress);
    void (*encoder_init_info)(basic_info_fields *info);
    int (*encoder_set_info)(void *encoder, const basic_info_fields *info);
    void (*encoding_to_srgb)(colour_encoding_fields *encoding, int is_grey);
    int (*encoder_set_encoding)(void *encoder, const colour_encoding_fields *encoding);
    int (*encoder_set_profile)(void *encoder, const uint8_t *profile, size_t size);
    void *(*encoder_settings)(void *encoder, const void *source);
    int (*settings_distance)(void *settings, float distance);
    int (*settings_lossless)(void *settings, int lossless);
    int (*encoder_add_frame)(const void *settings, const pixel_format *format, const void *buffer, size_t size);
    void (*encoder_close_input)(void *encoder);
    int (*encoder_process)(void *encoder, uint8_t **next, size_t *available);
} jxl;

static bool is_loaded;

static void load(void) {
    const library_symbol symbols[] = {
        {"JxlDecoderVersion", &jxl.version},
        {"JxlDecoderCreate", &jxl.create},
        {"JxlDecoderDestroy", &jxl.destroy},
        {"JxlDecoderSubscribeEvents", &jxl.subscribe},
        {"JxlDecoderSetInput", &jxl.set_input},
        {"JxlDecoderCloseInput", &jxl.close_input},
        {"JxlDecoderProcessInput", &jxl.process},
        {"JxlDecoderSetUnpremultiplyAlpha", &jxl.set_unpremultiply},
        {"JxlDecoderGetBasicInfo", &jxl.get_basic_info},
        {"JxlDecoderSetPreferredColorProfile", &jxl.set_preferred_encoding},
        {"JxlDecoderGetColorAsEncodedProfile", &jxl.get_encoding},
        {"JxlDecoderGetICCProfileSize", &jxl.get_profile_size},
        {"JxlDecoderGetColorAsICCProfile", &jxl.get_profile},
        {"JxlDecoderImageOutBufferSize", &jxl.out_buffer_size},
        {"JxlDecoderSetImageOutBuffer", &jxl.set_out_buffer},
        {"JxlEncoderCreate", &jxl.encoder_create},
        {"JxlEncoderDestroy", &jxl.encoder_destroy},
        {"JxlEncoderUseContainer", &jxl.encoder_use_container},
        {"JxlEncoderUseBoxes", &jxl.encoder_use_boxes},
        {"JxlEncoderAddBox", &jxl.encoder_add_box},
        {"JxlEncoderInitBasicInfo", &jxl.encoder_init_info},
        {"JxlEncoderSetBasicInfo", &jxl.encoder_set_info},
        {"JxlColorEncodingSetToSRGB", &jxl.encoding_to_srgb},
        {"JxlEncoderSetColorEncoding", &jxl.encoder_set_encoding},
        {"JxlEncoderSetICCProfile", &jxl.encoder_set_profile},
        {"JxlEncoderFrameSettingsCreate", &jxl.encoder_settings},
        {"JxlEncoderSetFrameDistance", &jxl.settings_distance},
        {"JxlEncoderSetFrameLossless", &jxl.settings_lossless},
        {"JxlEncoderAddImageFrame", &jxl.encoder_add_frame},
        {"JxlEncoderCloseInput", &jxl.encoder_close_input},
        {"JxlEncoderProcessOutput", &jxl.encoder_process},
    };
    static const char *const files[] = {
        "libjxl.so.0.11", "libjxl.so.0.10", "libjxl.so.0.9", "libjxl.so.0.8", "libjxl.so.0.7",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files && !is_loaded; i++) {
        is_loaded = open_library(files[i], symbols, sizeof symbols / sizeof *symbols);
    }
}

static bool is_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_loaded;
}

// libjxl 0.7 prints what it finds wrong with a file. What it prints to is a variable, which this program itself does
// not use, and which is another file while at least one thread is in the library.
static pthread_mutex_t quiet_lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *printed_to;
static unsigned threads_inside;

static void enter_library(void) {
    static FILE *nowhere;
    pthread_mutex_lock(&quiet_lock);
    if (!nowhere) nowhere = fopen("/dev/null", "we");
    if (threads_inside++ == 0) {
        printed_to = stderr;
        if (nowhere) stderr = nowhere;
    }
    pthread_mutex_unlock(&quiet_lock);
}

static void leave_library(void) {
    pthread_mutex_lock(&quiet_lock);
    if (--threads_inside == 0) stderr = printed_to;
    pthread_mutex_unlock(&quiet_lock);
}

static int get_encoding(const void *decoder, colour_encoding_fields *encoding) {
    if (jxl.version() < first_without_format) {
        int (*call)(const void *, const pixel_format *, int, colour_encoding_fields *);
        *(void **)&call = jxl.get_encoding;
        return call(decoder, NULL, target_data, encoding);
    }
    int (*call)(const void *, int, colour_encoding_fields *);
    *(void **)&call = jxl.get_encoding;
    return call(decoder, target_data, encoding);
}

static int get_profile_size(const void *decoder, size_t *size) {
    if (jxl.version() < first_without_format) {
        int (*call)(const void *, const pixel_format *, int, size_t *);
        *(void **)&call = jxl.get_profile_size;
        return call(decoder, NULL, target_data, size);
    }
    int (*call)(const void *, int, size_t *);
    *(void **)&call = jxl.get_profile_size;
    return call(decoder, target_data, size);
}

static int get_profile(const void *decoder, uint8_t *profile, size_t size) {
    if (jxl.version() < first_without_format) {
        int (*call)(const void *, const pixel_format *, int, uint8_t *, size_t);
        *(void **)&call = jxl.get_profile;
        return call(decoder, NULL, target_data, profile, size);
    }
    int (*call)(const void *, int, uint8_t *, size_t);
    *(void **)&call = jxl.get_profile;
    return call(decoder, target_data, profile, size);
}

typedef struct {
    void *decoder;
    cimage_header header;
    cimage_colours colours;
} jxl_reader;

static void close_reader(void *opaque) {
    jxl_reader *reader = opaque;
    jxl.destroy(reader->decoder);
    free(reader);
}

// Up to the colours, which come before the first frame.
static const char *read_header(jxl_reader *reader) {
    static const char *const damaged = "libjxl cannot read it";
    void *decoder = reader->decoder;
    if (jxl.process(decoder) != basic_info) return damaged;
    basic_info_fields info = {0};
    if (jxl.get_basic_info(decoder, &info) != success) return damaged;
    if (jxl.process(decoder) != colour_encoding) return damaged;
    // By default the decoder turns the image; the size it reports is that of the turned one.
    reader->header = (cimage_header){
        .width = info.xsize,
        .height = info.ysize,
        .channels = info.alpha_bits > 0 ? 4 : 3,
        .bits = info.bits_per_sample > 8 ? 16 : 8,
        .is_grey = info.num_color_channels == 1,
    };
    // The numbers are those of ITU-T H.273, but for P3, whose white may be the cinema's.
    enum { p3 = 11, p3_d65 = 12, white_d65 = 1, linear = 8 };
    colour_encoding_fields encoding = {0};
    bool is_known = get_encoding(decoder, &encoding) == success;
    // Colours that are stored as the eye takes them come in any encoding: 8 bits are too few for a linear one.
    if (!info.uses_original_profile && (!is_known || encoding.transfer_function == linear)) {
        colour_encoding_fields wanted = {0};
        jxl.encoding_to_srgb(&wanted, info.num_color_channels == 1);
        if (jxl.set_preferred_encoding(decoder, &wanted) == success) {
            is_known = get_encoding(decoder, &encoding) == success;
        }
    }
    if (is_known && encoding.transfer_function < UINT16_MAX) {
        bool is_p3 = encoding.primaries == p3 && encoding.white_point == white_d65;
        reader->colours =
            (cimage_colours){(uint16_t)(is_p3 ? p3_d65 : encoding.primaries), (uint16_t)encoding.transfer_function};
    }
    return NULL;
}

static void *open_reader(const uint8_t *data, size_t size, cimage_header *header, char message[CIMAGE_MESSAGE_SIZE]) {
    jxl_reader *reader = is_available() ? calloc(1, sizeof *reader) : NULL;
    if (reader) reader->decoder = jxl.create(NULL);
    if (!reader || !reader->decoder) {
        free(reader);
        set_message(message, "out of memory");
        return NULL;
    }
    void *decoder = reader->decoder;
    const char *problem = "out of memory";
    if (jxl.subscribe(decoder, basic_info | colour_encoding | full_image) == success &&
        jxl.set_unpremultiply(decoder, 1) == success && jxl.set_input(decoder, data, size) == success) {
        jxl.close_input(decoder);
        enter_library();
        problem = read_header(reader);
        leave_library();
    }
    if (problem) {
        set_message(message, problem);
        close_reader(reader);
        return NULL;
    }
    *header = reader->header;
    return reader;
}

// libjxl makes a profile of sRGB as well, which nobody needs.
static bool read_profile(void *opaque, cimage_buffer *profile) {
    enum { most = 16 << 20, srgb_primaries = 1, srgb_transfer = 13 };
    const jxl_reader *reader = opaque;
    if (reader->colours.primaries == srgb_primaries && reader->colours.transfer == srgb_transfer) return false;
    size_t size = 0;
    if (get_profile_size(reader->decoder, &size) != success || size == 0 || size > most) return false;
    uint8_t *bytes = malloc(size);
    if (!bytes || get_profile(reader->decoder, bytes, size) != success) {
        free(bytes);
        return false;
    }
    *profile = (cimage_buffer){bytes, size};
    return true;
}

static bool read_first_frame(jxl_reader *reader, void *pixels) {
    const cimage_header *header = &reader->header;
    pixel_format format = {header->channels, header->bits == 16 ? type_uint16 : type_uint8, little_endian, 0};
    size_t size = (size_t)header->width * header->height * header->channels * (header->bits / 8), needed = 0;
    int status = jxl.process(reader->decoder);
    if (status != need_image_out_buffer) return false;
    if (jxl.out_buffer_size(reader->decoder, &format, &needed) != success || needed != size) return false;
    if (jxl.set_out_buffer(reader->decoder, &format, pixels, size) != success) return false;
    return jxl.process(reader->decoder) == full_image;
}

// The rest of an animation is not looked at.
static bool read_pixels(void *opaque, void *pixels, cimage_colours *colours, char message[CIMAGE_MESSAGE_SIZE]) {
    jxl_reader *reader = opaque;
    *colours = reader->colours;
    enter_library();
    bool done = read_first_frame(reader, pixels);
    leave_library();
    if (!done) set_message(message, "libjxl cannot read it, or it is cut off");
    return done;
}

const cimage_decoder *cimage_jxl_decoder(void) {
    static const cimage_decoder decoder = {is_available, open_reader, close_reader, read_profile, NULL, read_pixels};
    return &decoder;
}

static bool set_up(void *encoder, const cimage_picture *picture, bool is_lossless) {
    basic_info_fields info = {0};
    jxl.encoder_init_info(&info);
    info.xsize = picture->width;
    info.ysize = picture->height;
    info.bits_per_sample = 8;
    info.num_color_channels = 3;
    info.num_extra_channels = info.alpha_bits = 0;
    if (picture->alpha) {
        info.num_extra_channels = 1;
        info.alpha_bits = 8;
    }
    // With loss the colours are stored as the eye takes them, and the profile only says what they were before: stored
    // in the profile's own RGB, they lose more.
    info.uses_original_profile = is_lossless;
    if (jxl.encoder_set_info(encoder, &info) != encoder_success) return false;
    if (picture->icc) return jxl.encoder_set_profile(encoder, picture->icc, picture->icc_size) == encoder_success;
    colour_encoding_fields encoding = {0};
    jxl.encoding_to_srgb(&encoding, 0);
    return jxl.encoder_set_encoding(encoder, &encoding) == encoder_success;
}

static bool collect(void *encoder, cimage_buffer *output) {
    enum { first_capacity = 1 << 16 };
    size_t capacity = first_capacity;
    uint8_t *bytes = malloc(capacity), *next = bytes;
    size_t available = bytes ? capacity : 0;
    int status = bytes ? encoder_need_more_output : 1;
    while (status == encoder_need_more_output) {
        status = jxl.encoder_process(encoder, &next, &available);
        if (status != encoder_need_more_output) break;
        size_t used = (size_t)(next - bytes);
        uint8_t *grown = realloc(bytes, capacity * 2);
        if (!grown) {
            status = 1;
            break;
        }
        bytes = grown;
        capacity *= 2;
        next = bytes + used;
        available = capacity - used;
    }
    if (status != encoder_success) {
        free(bytes);
        return false;
    }
    *output = (cimage_buffer){bytes, (size_t)(next - bytes)};
    return true;
}

bool cimage_jxl_encode(const cimage_picture *picture, float distance, const uint8_t *exif, uint32_t exif_size,
                       cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]) {
    set_message(message, "libjxl cannot write it");
    if (!is_available()) return false;
    size_t pixels = (size_t)picture->width * picture->height, channels = picture->alpha ? 4 : 3;
    uint8_t *mixed = NULL;
    if (picture->alpha) {
        mixed = malloc(4 * pixels);
        if (!mixed) return false;
        for (size_t i = 0; i < pixels; i++) {
            memcpy(mixed + 4 * i, picture->rgb + 3 * i, 3);
            mixed[4 * i + 3] = picture->alpha[i];
        }
    }
    enter_library();
    void *encoder = jxl.encoder_create(NULL);
    bool done = encoder != NULL;
    if (done && exif) {
        done = jxl.encoder_use_container(encoder, 1) == encoder_success &&
               jxl.encoder_use_boxes(encoder) == encoder_success &&
               jxl.encoder_add_box(encoder, "Exif", exif, exif_size, 0) == encoder_success;
    }
    done = done && set_up(encoder, picture, distance <= 0);
    void *settings = done ? jxl.encoder_settings(encoder, NULL) : NULL;
    done = settings && (distance > 0 ? jxl.settings_distance(settings, distance) == encoder_success
                                     : jxl.settings_lossless(settings, 1) == encoder_success);
    pixel_format format = {(uint32_t)channels, type_uint8, little_endian, 0};
    done = done &&
           jxl.encoder_add_frame(settings, &format, mixed ? mixed : picture->rgb, channels * pixels) == encoder_success;
    if (done) {
        jxl.encoder_close_input(encoder);
        done = collect(encoder, output);
    }
    if (encoder) jxl.encoder_destroy(encoder);
    leave_library();
    free(mixed);
    return done;
}
