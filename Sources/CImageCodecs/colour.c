#include "cimagecodecs.h"

#include <lcms2.h>
#include <stdlib.h>

struct cimage_colour_transform {
    cmsContext context;
    cmsHTRANSFORM transform;
};

static void ignore_error(cmsContext context, cmsUInt32Number code, const char *text) {
    (void)context;
    (void)code;
    (void)text;
}

cimage_colour_transform *cimage_colour_transform_create(const uint8_t *profile, size_t size, bool to_srgb,
                                                        bool for_many_pixels) {
    cmsContext context = cmsCreateContext(NULL, NULL);
    if (!context) return NULL;
    cmsSetLogErrorHandlerTHR(context, ignore_error);
    cmsHPROFILE other = cmsOpenProfileFromMemTHR(context, profile, (cmsUInt32Number)size);
    cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(context);
    cmsHTRANSFORM transform = NULL;
    if (other && srgb && cmsGetColorSpace(other) == cmsSigRgbData) {
        cmsUInt32Number flags = cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_NOCACHE;
        if (!for_many_pixels) flags |= cmsFLAGS_NOOPTIMIZE;
        transform = cmsCreateTransformTHR(context, to_srgb ? other : srgb, TYPE_RGB_8, to_srgb ? srgb : other, TYPE_RGB_8,
                                          INTENT_RELATIVE_COLORIMETRIC, flags);
    }
    if (other) cmsCloseProfile(other);
    if (srgb) cmsCloseProfile(srgb);
    cimage_colour_transform *result = transform ? malloc(sizeof *result) : NULL;
    if (result) {
        *result = (cimage_colour_transform){context, transform};
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
        cmsDoTransform(transform->transform, source + 3 * start, destination + 3 * start, (cmsUInt32Number)count);
    }
}
