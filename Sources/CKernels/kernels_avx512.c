// The kernels for processors with AVX-512 F, BW, DQ and VL (Intel servers since Skylake, AMD since Zen 4).
#if defined(__x86_64__)
#include "ckernels.h"
#include "dispatch.h"
#include <immintrin.h>

#define NAME(x) x##_avx512
#define SET "avx512"
#define CK_AVX2 1
#define CK_AVX512 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)
#include "body/all.h"
#pragma clang attribute pop
#endif
