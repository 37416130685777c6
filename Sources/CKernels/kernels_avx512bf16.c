// The AVX-512 kernels for processors that also multiply bfloat16 (Intel servers since Cooper Lake, AMD since Zen 4).
#if defined(__x86_64__)
#include "ckernels.h"
#include "dispatch.h"
#include <immintrin.h>

#define NAME(x) x##_avx512bf16
#define SET "avx512"
#define CK_AVX2 1
#define CK_AVX512 1
#define CK_BF16 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), \
                             apply_to = function)
#include "body/all.h"
#pragma clang attribute pop
#endif
