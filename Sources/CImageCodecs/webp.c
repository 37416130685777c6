#include "cimagecodecs.h"

#include <dlfcn.h>
#include <pthread.h>

// libwebp is found when the program runs, not when it is built: it builds and works without, and so these few lines of
// its interface (webp/decode.h, unchanged since 0.5) are declared here.
enum { decoder_abi_version = 0x0208 };  // libraries accept all versions of their own major number, 2

typedef struct {
    int width, height, has_alpha, has_animation, format;
    uint32_t reserved[5];
} bitstream_features;

typedef int (*get_features_function)(const uint8_t *data, size_t size, bitstream_features *features, int version);
typedef uint8_t *(*decode_function)(const uint8_t *data, size_t size, uint8_t *output, size_t output_size, int stride);

static struct {
    get_features_function get_features;
    decode_function decode_rgb, decode_rgba;
} library;

static void load(void) {
    void *handle = dlopen("libwebp.so.7", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return;
    library.decode_rgb = (decode_function)dlsym(handle, "WebPDecodeRGBInto");
    library.decode_rgba = (decode_function)dlsym(handle, "WebPDecodeRGBAInto");
    if (!library.decode_rgb || !library.decode_rgba) return;
    library.get_features = (get_features_function)dlsym(handle, "WebPGetFeaturesInternal");
}

bool cimage_webp_is_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return library.get_features != NULL;
}

bool cimage_webp_read_header(const uint8_t *data, size_t size, cimage_webp_header *header) {
    bitstream_features features = {0};
    if (!cimage_webp_is_available()) return false;
    if (library.get_features(data, size, &features, decoder_abi_version) != 0) return false;
    if (features.width <= 0 || features.height <= 0) return false;
    header->width = (uint32_t)features.width;
    header->height = (uint32_t)features.height;
    header->has_alpha = features.has_alpha != 0;
    header->is_animated = features.has_animation != 0;
    return true;
}

bool cimage_webp_read_pixels(const uint8_t *data, size_t size, size_t width, size_t height, bool has_alpha,
                             uint8_t *pixels) {
    if (!cimage_webp_is_available()) return false;
    size_t stride = width * (has_alpha ? 4 : 3);
    decode_function decode = has_alpha ? library.decode_rgba : library.decode_rgb;
    return decode(data, size, pixels, stride * height, (int)stride) != NULL;
}
