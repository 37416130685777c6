#include "dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>

// `__builtin_cpu_supports` does not know F16C in all compilers.
static int has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}
#endif

size_t ck_available(const ck_kernels *tables[CK_MOST_SETS]) {
    size_t count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512) tables[count++] = __builtin_cpu_supports("avx512bf16") ? &kernels_avx512bf16 : &kernels_avx512;
    if (avx2) tables[count++] = &kernels_avx2;
#elif defined(__aarch64__)
    tables[count++] = &kernels_neon;
#endif
    tables[count++] = &kernels_baseline;
    return count;
}

size_t ck_attention_scratch(size_t rows, size_t depth) {
    size_t lanes = (rows + 31) / 32 * 32;  // two of the widest vectors
    return 2 * lanes * depth + 2 * lanes;
}

float ck_half_to_float(uint16_t half) {
    union {
        uint32_t bits;
        float value;
    } magnitude = {(uint32_t)(half & 0x7fff) << 13};
    magnitude.value *= 0x1p112f;
    if ((half & 0x7c00) == 0x7c00) magnitude.bits = ((uint32_t)(half & 0x7fff) << 13) | 0x7f800000;
    magnitude.bits |= (uint32_t)(half & 0x8000) << 16;
    return magnitude.value;
}
