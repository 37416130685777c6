// Vectors of W floats (16 with AVX-512, else 8) by the compiler's vector extensions: one source for every instruction
// set. `a * b + c` becomes a fused multiply-add where the instruction set has one. Included once by each kernels_*.c.
#include <math.h>
#include <string.h>

// Every function with vectors in its signature is inlined, so how they would be passed does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

#if CK_AVX512
#define W 16
#else
#define W 8
#endif

typedef float vf __attribute__((vector_size(4 * W)));
typedef int32_t vi __attribute__((vector_size(4 * W)));
typedef uint32_t vu __attribute__((vector_size(4 * W)));
typedef float vf_unaligned __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef float v8 __attribute__((vector_size(32)));
typedef float v8_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf as_float(vi v) { return (vf)v; }
INLINE vi as_int(vf v) { return (vi)v; }
#if CK_AVX512
INLINE vf splat(float x) { return (vf)_mm512_set1_ps(x); }
INLINE vf max_vf(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf min_vf(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE float sum_of(vf v) { return _mm512_reduce_add_ps((__m512)v); }
#else
INLINE vf splat(float x) { return (vf){x, x, x, x, x, x, x, x}; }
#if CK_NEON
INLINE float32x4_t low(vf v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3); }
INLINE float32x4_t high(vf v) { return __builtin_shufflevector(v, v, 4, 5, 6, 7); }
INLINE vf join(float32x4_t low, float32x4_t high) { return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7); }
#endif
#if CK_NEON
INLINE vf max_vf(vf a, vf b) { return join(vmaxq_f32(low(a), low(b)), vmaxq_f32(high(a), high(b))); }
INLINE vf min_vf(vf a, vf b) { return join(vminq_f32(low(a), low(b)), vminq_f32(high(a), high(b))); }
#elif CK_AVX2
INLINE vf max_vf(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vf min_vf(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#else
INLINE vf select_vf(vi mask, vf a, vf b) { return as_float((mask & as_int(a)) | (~mask & as_int(b))); }
INLINE vf max_vf(vf a, vf b) { return select_vf((vi)(a > b), a, b); }
INLINE vf min_vf(vf a, vf b) { return select_vf((vi)(a < b), a, b); }
#endif
INLINE float sum_of(vf v) { return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7])); }
#endif

// The first `n` values, zeros past them; at least W are a whole vector.
INLINE vf load_part(const float *p, size_t n) {
    if (n >= W) return load(p);
#if CK_AVX512
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    float t[W] = {0};
    memcpy(t, p, n * sizeof(float));
    return load(t);
#endif
}
INLINE void store_part(float *p, vf v, size_t n) {
    if (n >= W) {
        store(p, v);
        return;
    }
#if CK_AVX512
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
    float t[W];
    store(t, v);
    memcpy(p, t, n * sizeof(float));
#endif
}

// W float16 values, upcast.
INLINE vf load_half(const uint16_t *p) {
#if CK_AVX512
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif CK_AVX2
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#elif CK_NEON
    float16x8_t half = vreinterpretq_f16_u16(vld1q_u16(p));
    return join(vcvt_f32_f16(vget_low_f16(half)), vcvt_high_f32_f16(half));
#else
    // Shift exponent and mantissa into place, then scale by 2^112 to fix the exponent's bias: exact for subnormals as
    // well; infinities and NaNs get their exponent back by hand (Giesen, "half_to_float_fast").
    vi h = {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
    vi magnitude = (h & 0x7fff) << 13;
    vf value = as_float(magnitude) * splat(0x1p112f);
    vi special = (vi)(magnitude >= (0x7c00 << 13));
    vi bits = (special & (magnitude | 0x7f800000)) | (~special & as_int(value));
    return as_float(bits | ((h & 0x8000) << 16));
#endif
}

// W values rounded to bfloat16, to nearest even, in the upper halves of as many words; the lower ones are zero.
INLINE vu bfloat16(vf x) {
    vu bits = (vu)x, nan = (vu)(x != x), rounded = bits + 0x7fff + (bits >> 16 & 1);
    return ((nan & (bits | 0x400000)) | (~nan & rounded)) & 0xffff0000;
}

// Pairs of bfloat16 values lie in the place of a float, the first in its lower half: the values of two vectors.
INLINE vf pairs_of(vf first, vf second) {
#if CK_BF16
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (vf)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first));
#else
    return (vf)(bfloat16(first) >> 16 | bfloat16(second));
#endif
}

// 2 W values in a row as pairs of neighbours.
INLINE vf load_pairs(const float *p) {
    vf low = load(p), high = load(p + W);
#if CK_BF16
    return (vf)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
#elif CK_AVX512
    return pairs_of(__builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
                    __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
#else
    return pairs_of(__builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14),
                    __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
#endif
}

// The first `n` of W values as halves of pairs, at least W of them a whole vector.
INLINE void store_bfloat16(void *p, vf v, size_t n) {
#if CK_BF16
    __m256i halves = (__m256i)_mm512_cvtneps_pbh((__m512)v);
    _mm256_mask_storeu_epi16(p, (__mmask16)(n >= W ? 0xffff : (1u << n) - 1), halves);
#else
    vu words = bfloat16(v) >> 16;
    uint16_t halves[W];
    for (int i = 0; i < W; i++) halves[i] = (uint16_t)words[i];
    memcpy(p, halves, (n < W ? n : W) * sizeof *halves);
#endif
}

// sum + second * second + first * first, each rounded, as AVX512_BF16's instruction does it; that one takes subnormal
// values for zero, too. The product of two bfloat16 values is exact in float32.
INLINE vf dot_pairs(vf a, vf b, vf sum) {
#if CK_BF16
#if __clang_major__ < 18
    __asm__("" : "+v"(a));  // else clang 17, Swift 6.0's, crashes where it takes a broadcast value for pairs
#endif
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
    const vu second = (vu){} + 0xffff0000;
    sum = (vf)((vu)a & second) * (vf)((vu)b & second) + sum;
    return (vf)((vu)a << 16) * (vf)((vu)b << 16) + sum;
#endif
}

// 2^x for x in [-126, 127], relative error below 2 ulp (2.1e-7): a polynomial fitted to 2^r on [-1/2, 1/2] (relative
// error 1.5e-7, and exactly 1 at 0) and the whole part added to the exponent.
INLINE vf exp2_vf(vf x) {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    vf shifted = x + splat(12582912.0f);
    vf r = x - (shifted - splat(12582912.0f));
    vf p = splat(0.0013276472454890609f);
    p = p * r + splat(0.009675540961325169f);
    p = p * r + splat(0.05550713092088699f);
    p = p * r + splat(0.24022120237350464f);
    p = p * r + splat(0.6931468844413757f);
    p = p * r + splat(1.0f);
    return as_float(as_int(p) + (as_int(shifted) << 23));
}

// x * sigmoid(scale * x); the exponential stops where the result leaves float32's range.
INLINE vf sigmoid_gated(vf x, float scale) {
    vf power = min_vf(max_vf(x * splat(-scale * 1.44269504088896341f), splat(-126.0f)), splat(126.0f));
    return x / (splat(1.0f) + exp2_vf(power));
}

// x * Phi(x), exact GELU. The error function is Eigen's rational approximation; its absolute error of 4e-7 makes this
// one's at most 2.7e-7 |x|, which is PyTorch's own.
INLINE vf gelu_vf(vf x) {
    vf z = min_vf(max_vf(x * splat(0.70710678118654752440f), splat(-4.0f)), splat(4.0f));
    vf w = z * z;
    vf p = splat(-2.72614225801306e-10f);
    p = p * w + splat(2.77068142495902e-08f);
    p = p * w + splat(-2.10102402082508e-06f);
    p = p * w + splat(-5.69250639462346e-05f);
    p = p * w + splat(-7.34990630326855e-04f);
    p = p * w + splat(-2.95459980854025e-03f);
    p = p * w + splat(-1.60960333262415e-02f);
    vf q = splat(-1.45660718464996e-05f);
    q = q * w + splat(-2.13374055278905e-04f);
    q = q * w + splat(-1.68282697438203e-03f);
    q = q * w + splat(-7.37332916720468e-03f);
    q = q * w + splat(-1.42647390514189e-02f);
    vf half = splat(0.5f) * x;
    return half + half * (z * p / q);
}

INLINE vf activated(vf x, ck_activation activation) {
    switch (activation) {
    case CK_SILU: return sigmoid_gated(x, 1.0f);
    case CK_QUICK_GELU: return sigmoid_gated(x, 1.702f);
    case CK_GELU: return gelu_vf(x);
    case CK_RELU: return max_vf(x, splat(0.0f));
    default: return x;
    }
}

// Rows become columns, 8 by 8; with vectors of 16 the two halves each for themselves.
INLINE void transpose8(vf r[8]) {
#if CK_AVX512
#define SHUFFLE(a, b, i, j, k, l, m, n, o, p)                                                                  \
    __builtin_shufflevector(a, b, i + i / 8 * 8, j + j / 8 * 8, k + k / 8 * 8, l + l / 8 * 8, m + m / 8 * 8,   \
                            n + n / 8 * 8, o + o / 8 * 8, p + p / 8 * 8, i + i / 8 * 8 + 8, j + j / 8 * 8 + 8, \
                            k + k / 8 * 8 + 8, l + l / 8 * 8 + 8, m + m / 8 * 8 + 8, n + n / 8 * 8 + 8,        \
                            o + o / 8 * 8 + 8, p + p / 8 * 8 + 8)
#else
#define SHUFFLE __builtin_shufflevector
#endif
#define LO(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HI(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
    vf t0 = LO(r[0], r[1]), t1 = HI(r[0], r[1]), t2 = LO(r[2], r[3]), t3 = HI(r[2], r[3]);
    vf t4 = LO(r[4], r[5]), t5 = HI(r[4], r[5]), t6 = LO(r[6], r[7]), t7 = HI(r[6], r[7]);
#undef LO
#undef HI
#define LO(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HI(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
    vf u0 = LO(t0, t2), u1 = HI(t0, t2), u2 = LO(t1, t3), u3 = HI(t1, t3);
    vf u4 = LO(t4, t6), u5 = HI(t4, t6), u6 = LO(t5, t7), u7 = HI(t5, t7);
#undef LO
#undef HI
#define LO(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HI(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
    r[0] = LO(u0, u4), r[1] = LO(u1, u5), r[2] = LO(u2, u6), r[3] = LO(u3, u7);
    r[4] = HI(u0, u4), r[5] = HI(u1, u5), r[6] = HI(u2, u6), r[7] = HI(u3, u7);
#undef LO
#undef HI
#undef SHUFFLE
}

#if CK_AVX512
// Eight values of one row in each half.
INLINE vf two_rows(v8 low, v8 high) {
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
INLINE v8 low_half(vf v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7); }
INLINE v8 high_half(vf v) { return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15); }
#endif
