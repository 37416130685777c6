// The kernels for 64-bit ARM processors, all of which have NEON with fused multiply-adds and conversions from float16.
#if defined(__aarch64__)
#include "ckernels.h"
#include "dispatch.h"
#include <arm_neon.h>

#define NAME(x) x##_neon
#define SET "neon"
#define CK_NEON 1
#include "body/all.h"
#endif
