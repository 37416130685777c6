#include "library.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// libwebp's simple encoders (webp/encode.h, unchanged since 0.5). They write a file without profile and metadata,
// around which the caller puts the container.

typedef size_t (*encode_function)(const uint8_t *pixels, int width, int height, int stride, float quality,
                                  uint8_t **output);
typedef size_t (*encode_lossless_function)(const uint8_t *pixels, int width, int height, int stride, uint8_t **output);

static struct {
    encode_function rgb, rgba;
    encode_lossless_function lossless_rgb, lossless_rgba;
    void (*free)(void *bytes);
} webp;

static bool is_loaded;

static void load(void) {
    const library_symbol symbols[] = {
        {"WebPEncodeRGB", &webp.rgb},
        {"WebPEncodeRGBA", &webp.rgba},
        {"WebPEncodeLosslessRGB", &webp.lossless_rgb},
        {"WebPEncodeLosslessRGBA", &webp.lossless_rgba},
        {"WebPFree", &webp.free},
    };
    is_loaded = open_library("libwebp.so.7", symbols, sizeof symbols / sizeof *symbols);
}

bool cimage_webp_encode(const cimage_picture *picture, int quality, bool is_lossless, cimage_buffer *output,
                        char message[CIMAGE_MESSAGE_SIZE]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    set_message(message, "libwebp cannot write it");
    if (!is_loaded) return false;
    size_t pixels = (size_t)picture->width * picture->height;
    uint8_t *mixed = NULL;
    if (picture->alpha) {
        mixed = malloc(4 * pixels);
        if (!mixed) return false;
        for (size_t i = 0; i < pixels; i++) {
            memcpy(mixed + 4 * i, picture->rgb + 3 * i, 3);
            mixed[4 * i + 3] = picture->alpha[i];
        }
    }
    const uint8_t *source = mixed ? mixed : picture->rgb;
    int width = (int)picture->width, height = (int)picture->height, stride = width * (mixed ? 4 : 3);
    uint8_t *encoded = NULL;
    size_t size = is_lossless
                      ? (mixed ? webp.lossless_rgba : webp.lossless_rgb)(source, width, height, stride, &encoded)
                      : (mixed ? webp.rgba : webp.rgb)(source, width, height, stride, (float)quality, &encoded);
    free(mixed);
    uint8_t *copy = size > 0 ? malloc(size) : NULL;
    if (copy) memcpy(copy, encoded, size);
    if (encoded) webp.free(encoded);
    if (copy) *output = (cimage_buffer){copy, size};
    return copy != NULL;
}
