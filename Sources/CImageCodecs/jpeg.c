#include "cimagecodecs.h"

#include <setjmp.h>
#include <stdio.h>  // before jpeglib.h, which needs FILE
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
// after jpeglib.h: the version that it sets decides the numbers of the messages
#include <jerror.h>

// Encoders write at most 20 scans. A scan that says "nothing here" takes a few bytes and a walk over the whole
// image, so without a limit a small file could keep the decoder busy for hours.
enum { max_scans = 64 };

enum { per_inch = 1, per_centimetre = 2 };  // JFIF's units of density

static const char exif_signature[6] = "Exif\0";

// What the error handlers need: client_data of both kinds of jpeg struct.
typedef struct {
    struct jpeg_error_mgr manager;
    jmp_buf escape;
    bool may_lack_end_marker;
    uint32_t most_missing_rows, missing_rows;
    char message[CIMAGE_MESSAGE_SIZE];
} error_state;

static _Noreturn void raise_error(j_common_ptr jpeg) {
    error_state *errors = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    snprintf(errors->message, CIMAGE_MESSAGE_SIZE, "%s", text);
    longjmp(errors->escape, 1);
}

// Whether the pixels that are missing from here on may be. The rows before those of the present blocks are whole.
static bool may_miss_the_rest(j_common_ptr common, error_state *errors) {
    if (errors->missing_rows > 0) return true;
    if (!common->is_decompressor || errors->most_missing_rows == 0) return false;
    const struct jpeg_decompress_struct *jpeg = (j_decompress_ptr)common;
    uint32_t missing = jpeg->output_height - jpeg->output_scanline;
    if (missing > errors->most_missing_rows) return false;
    errors->missing_rows = missing;
    return true;
}

// libjpeg fills damaged places with grey and warns; here most warnings are errors. The others say that the file is
// odd, not that pixels are missing.
static void judge_message(j_common_ptr jpeg, int level) {
    error_state *errors = jpeg->client_data;
    if (level >= 0) return;  // a trace
    switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL: return;
    case JWRN_HIT_MARKER:
        if (may_miss_the_rest(jpeg, errors)) return;
        break;
    case JWRN_JPEG_EOF:
        if (errors->may_lack_end_marker) return;
        break;
    default: break;
    }
    raise_error(jpeg);
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

static struct jpeg_error_mgr *install(error_state *errors) {
    jpeg_std_error(&errors->manager);
    errors->manager.error_exit = raise_error;
    errors->manager.emit_message = judge_message;
    errors->manager.output_message = print_nothing;
    return &errors->manager;
}

struct cimage_jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_progress_mgr progress;
    error_state errors;
    const uint8_t *data;
    size_t size;
};

static void limit_scans(j_common_ptr common) {
    error_state *errors = common->client_data;
    if (((j_decompress_ptr)common)->input_scan_number <= max_scans) return;
    snprintf(errors->message, CIMAGE_MESSAGE_SIZE, "more than %d scans", max_scans);
    longjmp(errors->escape, 1);
}

cimage_jpeg_reader *cimage_jpeg_reader_create(const uint8_t *data, size_t size) {
    cimage_jpeg_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->data = data;
    reader->size = size;
    reader->jpeg.err = install(&reader->errors);
    reader->jpeg.client_data = &reader->errors;
    reader->progress.progress_monitor = limit_scans;
    return reader;
}

void cimage_jpeg_reader_destroy(cimage_jpeg_reader *reader) {
    jpeg_destroy_decompress(&reader->jpeg);
    free(reader);
}

const char *cimage_jpeg_reader_message(const cimage_jpeg_reader *reader) { return reader->errors.message; }

bool cimage_jpeg_read_header(cimage_jpeg_reader *reader, cimage_jpeg_header *header) {
    j_decompress_ptr jpeg = &reader->jpeg;
    if (setjmp(reader->errors.escape)) return false;

    jpeg_create_decompress(jpeg);
    jpeg->progress = &reader->progress;
    jpeg_mem_src(jpeg, reader->data, reader->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);  // EXIF
    jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xFFFF);  // ICC
    jpeg_read_header(jpeg, TRUE);

    header->width = jpeg->image_width;
    header->height = jpeg->image_height;
    header->components = (uint32_t)jpeg->num_components;
    header->is_arithmetic_coded = jpeg->arith_code;
    if (jpeg->saw_JFIF_marker && (jpeg->density_unit == per_inch || jpeg->density_unit == per_centimetre)) {
        unsigned per_unit = jpeg->density_unit == per_inch ? 100 : 254;
        header->pixels_per_inch[0] = (jpeg->X_density * per_unit + 50) / 100;
        header->pixels_per_inch[1] = (jpeg->Y_density * per_unit + 50) / 100;
    }
    return true;
}

bool cimage_jpeg_is_unsupported(const cimage_jpeg_reader *reader) {
    int code = reader->errors.manager.msg_code;
    return code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED;
}

// What the entropy decoder left between where it stopped and the next marker. It takes a few bytes ahead, and a scan
// may end in padding.
static uint32_t left_over_bytes(const struct jpeg_decompress_struct *jpeg) {
    enum { padding = 16 };
    if (jpeg->unread_marker != 0) return 0;  // it has come to the marker
    const uint8_t *bytes = jpeg->src->next_input_byte;
    size_t left = jpeg->src->bytes_in_buffer, count = 0;
    for (size_t i = 0; i < left; i++) {
        bool is_marker = bytes[i] == 0xFF && i + 1 < left && bytes[i + 1] != 0 && bytes[i + 1] != 0xFF;
        if (is_marker) break;
        count += bytes[i] != 0 && bytes[i] != 0xFF;
    }
    return count > padding ? (uint32_t)(count < UINT32_MAX ? count : UINT32_MAX) : 0;
}

bool cimage_jpeg_read_pixels(cimage_jpeg_reader *reader, uint8_t *pixels, cimage_jpeg_damage *damage) {
    j_decompress_ptr jpeg = &reader->jpeg;
    error_state *errors = &reader->errors;
    if (setjmp(errors->escape)) return false;

    bool is_cmyk = jpeg->num_components == 4;
    jpeg->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    // Where all pixels come in one Huffman coded scan, missing ones are noticed by themselves; only then may a
    // file end without the end marker, as some cameras' do, or lack its last rows.
    bool is_one_scan = !jpeg_has_multiple_scans(jpeg) && !jpeg->arith_code;
    errors->may_lack_end_marker = is_one_scan;
    jpeg_start_decompress(jpeg);
    enum { row_of_blocks = 16 };
    uint32_t most_missing = jpeg->output_height / 10;
    if (most_missing < row_of_blocks) most_missing = row_of_blocks;
    // Not all: an image of few rows is there or not.
    if (is_one_scan && most_missing <= jpeg->output_height / 2) errors->most_missing_rows = most_missing;

    size_t row_bytes = (size_t)jpeg->output_width * (is_cmyk ? 4 : 3);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = pixels + jpeg->output_scanline * row_bytes;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    damage->missing_rows = errors->missing_rows;
    damage->left_over_bytes = is_one_scan && errors->missing_rows == 0 ? left_over_bytes(jpeg) : 0;
    return true;  // what follows the last pixel's scan does not matter
}

const uint8_t *cimage_jpeg_exif(const cimage_jpeg_reader *reader, size_t *size) {
    for (jpeg_saved_marker_ptr marker = reader->jpeg.marker_list; marker; marker = marker->next) {
        if (marker->marker != JPEG_APP0 + 1 || marker->data_length < sizeof exif_signature) continue;
        if (memcmp(marker->data, exif_signature, sizeof exif_signature) != 0) continue;
        *size = marker->data_length - sizeof exif_signature;
        return marker->data + sizeof exif_signature;
    }
    return NULL;
}

bool cimage_jpeg_icc_profile(cimage_jpeg_reader *reader, cimage_buffer *profile) {
    if (setjmp(reader->errors.escape)) return false;
    JOCTET *bytes = NULL;
    unsigned size = 0;
    if (!jpeg_read_icc_profile(&reader->jpeg, &bytes, &size)) {
        bytes = NULL;
        size = 0;
    }
    *profile = (cimage_buffer){bytes, size};
    return true;
}

// The state of an encoder lives outside the function that calls setjmp: its locals would be lost to longjmp.
typedef struct {
    struct jpeg_compress_struct jpeg;
    struct jpeg_destination_mgr destination;
    error_state errors;
    cimage_buffer output;  // `size` is its capacity until the end
} jpeg_writer;

// libjpeg's own memory destination cannot be freed after an error: its caller's pointer goes stale when it grows.
static void grow(j_compress_ptr jpeg, size_t used) {
    jpeg_writer *writer = (jpeg_writer *)jpeg;
    size_t capacity = used * 2 + 65536;
    uint8_t *grown = realloc(writer->output.bytes, capacity);
    if (!grown) ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    writer->output = (cimage_buffer){grown, capacity};
    writer->destination.next_output_byte = grown + used;
    writer->destination.free_in_buffer = capacity - used;
}

static void start_output(j_compress_ptr jpeg) { grow(jpeg, 0); }

static boolean extend_output(j_compress_ptr jpeg) {
    grow(jpeg, ((jpeg_writer *)jpeg)->output.size);  // called when the buffer is full
    return TRUE;
}

static void end_output(j_compress_ptr jpeg) { ((jpeg_writer *)jpeg)->output.size -= jpeg->dest->free_in_buffer; }

static bool write_picture(jpeg_writer *writer, const cimage_picture *picture, int quality, const uint8_t *exif,
                          uint32_t exif_size, const uint16_t pixels_per_inch[2]) {
    j_compress_ptr jpeg = &writer->jpeg;
    if (setjmp(writer->errors.escape)) return false;

    jpeg_create_compress(jpeg);
    writer->destination.init_destination = start_output;
    writer->destination.empty_output_buffer = extend_output;
    writer->destination.term_destination = end_output;
    jpeg->dest = &writer->destination;
    jpeg->image_width = picture->width;
    jpeg->image_height = picture->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->optimize_coding = TRUE;
    if (pixels_per_inch[0] > 0 && pixels_per_inch[1] > 0) {
        jpeg->density_unit = per_inch;
        jpeg->X_density = pixels_per_inch[0];
        jpeg->Y_density = pixels_per_inch[1];
    }
    // Flat areas with sharp borders show halved chroma; who asks for high quality gets all of it.
    int sampling = quality >= 90 ? 1 : 2;
    jpeg->comp_info[0].h_samp_factor = sampling;
    jpeg->comp_info[0].v_samp_factor = sampling;
    jpeg_start_compress(jpeg, TRUE);
    if (exif) jpeg_write_marker(jpeg, JPEG_APP0 + 1, exif, exif_size);
    if (picture->icc) jpeg_write_icc_profile(jpeg, picture->icc, picture->icc_size);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = (JSAMPROW)picture->rgb + (size_t)jpeg->next_scanline * picture->width * 3;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
    return true;
}

bool cimage_jpeg_encode(const cimage_picture *picture, int quality, const uint8_t *exif, uint32_t exif_size,
                        const uint16_t pixels_per_inch[2], cimage_buffer *output, char message[CIMAGE_MESSAGE_SIZE]) {
    jpeg_writer writer = {0};
    writer.jpeg.err = install(&writer.errors);
    writer.jpeg.client_data = &writer.errors;
    bool done = write_picture(&writer, picture, quality, exif, exif_size, pixels_per_inch);
    jpeg_destroy_compress(&writer.jpeg);
    if (done) {
        *output = writer.output;
    } else {
        snprintf(message, CIMAGE_MESSAGE_SIZE, "%s", writer.errors.message);
        free(writer.output.bytes);
    }
    return done;
}
