// The kernels for processors with AVX2, FMA and F16C (Intel since Haswell, AMD since Excavator).
#if defined(__x86_64__)
#include "ckernels.h"
#include "dispatch.h"
#include <immintrin.h>

#define NAME(x) x##_avx2
#define SET "avx2"
#define CK_AVX2 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "body/all.h"
#pragma clang attribute pop
#endif
