#include "cimagecodecs.h"

#include <lcms2.h>
#include <stdlib.h>
#include <string.h>

struct cimage_colour_transform {
    cmsContext context;
    cmsHTRANSFORM transform;
    unsigned source_bytes;  // of a pixel
};

static void ignore_error(cmsContext context, cmsUInt32Number code, const char *text) {
    (void)context;
    (void)code;
    (void)text;
}

// Little CMS's names of a kind's pixels; its sRGB is always three bytes per pixel.
static const struct {
    cmsColorSpaceSignature space;
    cmsUInt32Number format;
    unsigned bytes_per_pixel;
    bool to_srgb;
} kinds[] = {
    [cimage_rgb_to_srgb] = {cmsSigRgbData, TYPE_RGB_8, 3, true},
    [cimage_srgb_to_rgb] = {cmsSigRgbData, TYPE_RGB_8, 3, false},
    [cimage_grey_to_srgb] = {cmsSigGrayData, TYPE_GRAY_8, 1, true},
    [cimage_cmyk_to_srgb] = {cmsSigCmykData, TYPE_CMYK_8, 4, true},
    [cimage_inverted_cmyk_to_srgb] = {cmsSigCmykData, TYPE_CMYK_8_REV, 4, true},
};

cimage_colour_transform *cimage_colour_transform_create(const uint8_t *profile, size_t size, cimage_transform_kind kind,
                                                        bool for_many_pixels) {
    cmsContext context = cmsCreateContext(NULL, NULL);
    if (!context) return NULL;
    cmsSetLogErrorHandlerTHR(context, ignore_error);
    cmsHPROFILE other = cmsOpenProfileFromMemTHR(context, profile, (cmsUInt32Number)size);
    cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(context);
    cmsHTRANSFORM transform = NULL;
    if (other && srgb && cmsGetColorSpace(other) == kinds[kind].space) {
        cmsUInt32Number flags = cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_NOCACHE, format = kinds[kind].format;
        if (!for_many_pixels) flags |= cmsFLAGS_NOOPTIMIZE;
        transform =
            kinds[kind].to_srgb
                ? cmsCreateTransformTHR(context, other, format, srgb, TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC, flags)
                : cmsCreateTransformTHR(context, srgb, TYPE_RGB_8, other, format, INTENT_RELATIVE_COLORIMETRIC, flags);
    }
    if (other) cmsCloseProfile(other);
    if (srgb) cmsCloseProfile(srgb);
    cimage_colour_transform *result = transform ? malloc(sizeof *result) : NULL;
    if (result) {
        *result = (cimage_colour_transform){context, transform, kinds[kind].bytes_per_pixel};
        return result;
    }
    if (transform) cmsDeleteTransform(transform);
    cmsDeleteContext(context);
    return NULL;
}

void cimage_colour_transform_destroy(cimage_colour_transform *transform) {
    cmsDeleteTransform(transform->transform);
    cmsDeleteContext(transform->context);
    free(transform);
}

void cimage_colour_transform_apply(const cimage_colour_transform *transform, const uint8_t *source,
                                   uint8_t *destination, size_t pixels) {
    enum { most = 1 << 24 };  // the library counts in 32 bits
    for (size_t start = 0; start < pixels; start += most) {
        size_t count = pixels - start < most ? pixels - start : most;
        cmsDoTransform(transform->transform, source + transform->source_bytes * start, destination + 3 * start,
                       (cmsUInt32Number)count);
    }
}

bool cimage_profile_create(const double chromaticities[8], double gamma, cimage_buffer *profile) {
    const cmsCIExyY white = {chromaticities[0], chromaticities[1], 1};
    const cmsCIExyYTRIPLE primaries = {
        {chromaticities[2], chromaticities[3], 1},
        {chromaticities[4], chromaticities[5], 1},
        {chromaticities[6], chromaticities[7], 1},
    };
    // IEC 61966-2-1
    const double srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    enum { parametric_with_linear_start = 4, date = 24, date_size = 12 };
    cmsContext context = cmsCreateContext(NULL, NULL);
    if (!context) return false;
    cmsSetLogErrorHandlerTHR(context, ignore_error);
    cmsToneCurve *curve = gamma > 0 ? cmsBuildGamma(context, gamma)
                                    : cmsBuildParametricToneCurve(context, parametric_with_linear_start, srgb);
    cmsToneCurve *const curves[3] = {curve, curve, curve};
    cmsHPROFILE made = curve ? cmsCreateRGBProfileTHR(context, &white, &primaries, curves) : NULL;
    cmsUInt32Number size = 0;
    uint8_t *bytes = NULL;
    if (made && cmsSaveProfileToMem(made, NULL, &size)) bytes = malloc(size);
    bool done = bytes && cmsSaveProfileToMem(made, bytes, &size);
    if (done) {
        // When it was made would make two runs' images differ.
        static const uint8_t fixed[date_size] = {0x07, 0xE8, 0, 1, 0, 1};
        memcpy(bytes + date, fixed, date_size);
        *profile = (cimage_buffer){bytes, size};
    } else {
        free(bytes);
    }
    if (made) cmsCloseProfile(made);
    if (curve) cmsFreeToneCurve(curve);
    cmsDeleteContext(context);
    return done;
}

// round(a * b / 255)
static inline uint8_t multiply(uint8_t a, uint8_t b) {
    unsigned product = a * b + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

void cimage_convert_cmyk(const uint8_t *cmyk, bool is_inverted, uint8_t *rgb, size_t pixels) {
    uint8_t flip = is_inverted ? 0 : 255;
    for (size_t i = 0; i < pixels; i++) {
        uint8_t light = cmyk[4 * i + 3] ^ flip;
        for (size_t c = 0; c < 3; c++) {
            rgb[3 * i + c] = (uint8_t)(light - multiply((uint8_t)(255 - (cmyk[4 * i + c] ^ flip)), light));
        }
    }
}
