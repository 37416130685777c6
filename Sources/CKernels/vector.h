// Vectors of 8 floats by the compiler's vector extensions: one source for every instruction set. `a * b + c` becomes a
// fused multiply-add where the instruction set has one. Included once by each kernels_*.c.
#include <math.h>
#include <string.h>

// Every function with vectors in its signature is inlined, so how they would be passed does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));
typedef float vf_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf splat(float x) { return (vf){x, x, x, x, x, x, x, x}; }
INLINE vf as_float(vi v) { return (vf)v; }
INLINE vi as_int(vf v) { return (vi)v; }
#if CK_AVX2
INLINE vf select_vf(vi mask, vf a, vf b) { return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask); }
INLINE vf max_vf(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vf min_vf(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#else
INLINE vf select_vf(vi mask, vf a, vf b) { return as_float((mask & as_int(a)) | (~mask & as_int(b))); }
INLINE vf max_vf(vf a, vf b) { return select_vf((vi)(a > b), a, b); }
INLINE vf min_vf(vf a, vf b) { return select_vf((vi)(a < b), a, b); }
#endif
INLINE vf abs_vf(vf a) { return as_float(as_int(a) & 0x7fffffff); }

INLINE float sum_of(vf v) { return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7])); }

// 8 float16 values, widened.
INLINE vf load_half(const uint16_t *p) {
#if CK_AVX2
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
    // Shift exponent and mantissa into place, then scale by 2^112 to mend the exponent's bias: exact for subnormals as
    // well; infinities and NaNs get their exponent back by hand (Giesen, "half_to_float_fast").
    vi h = {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
    vi magnitude = (h & 0x7fff) << 13;
    vf value = as_float(magnitude) * splat(0x1p112f);
    vi special = (vi)(magnitude >= (0x7c00 << 13));
    vi bits = (special & (magnitude | 0x7f800000)) | (~special & as_int(value));
    return as_float(bits | ((h & 0x8000) << 16));
#endif
}

// exp(x), relative error below 2 ulp (Cephes' polynomial); 0 below -87.3, large but finite above 88.
INLINE vf exp_vf(vf x) {
    x = min_vf(max_vf(x, splat(-87.33654f)), splat(88.37f));
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    vf shifted = x * splat(1.44269504088896341f) + splat(12582912.0f);
    vf n = shifted - splat(12582912.0f);
    vf r = x - n * splat(0.693359375f);
    r = r - n * splat(-2.12194440e-4f);
    vf p = splat(1.9875691500e-4f);
    p = p * r + splat(1.3981999507e-3f);
    p = p * r + splat(8.3334519073e-3f);
    p = p * r + splat(4.1665795894e-2f);
    p = p * r + splat(1.6666665459e-1f);
    p = p * r + splat(5.0000001201e-1f);
    p = p * (r * r) + (r + splat(1.0f));
    return as_float(as_int(p) + (as_int(shifted) << 23));
}

// 2^x for x <= 0, relative error below 2 ulp; 0 stands for everything below 2^-126. (A polynomial fitted to 2^r on
// [-1/2, 1/2], relative error 2e-9.) Softmax weights need no more, and it is a third shorter than exp.
INLINE vf exp2_negative(vf x) {
    x = max_vf(x, splat(-126.0f));
    vf shifted = x + splat(12582912.0f);
    vf r = x - (shifted - splat(12582912.0f));
    vf p = splat(0.00015337577497120947f);
    p = p * r + splat(0.0013399859890341759f);
    p = p * r + splat(0.009618519805371761f);
    p = p * r + splat(0.05550329014658928f);
    p = p * r + splat(0.24022646248340607f);
    p = p * r + splat(0.6931471824645996f);
    p = p * r + splat(1.0f);
    return as_float(as_int(p) + (as_int(shifted) << 23));
}

// x * sigmoid(scale * x)
INLINE vf sigmoid_gated(vf x, float scale) { return x / (splat(1.0f) + exp_vf(x * splat(-scale))); }

// x * Phi(x), exact GELU. erf by Abramowitz & Stegun has 1.5e-7 absolute error only; this is the complementary error
// function of Cephes' ndtrf, whose relative error stays near 1e-7 in both tails.
INLINE vf gelu_vf(vf x) {
    vf z = x * splat(0.70710678118654752440f);
    vf a = abs_vf(z);
    // |z| < 1: erf(z) = z T(z^2)
    vf w = z * z;
    vf t = splat(7.853861353153693e-5f);
    t = t * w + splat(-8.010193625184903e-4f);
    t = t * w + splat(5.188327685732524e-3f);
    t = t * w + splat(-2.685381193529856e-2f);
    t = t * w + splat(1.128358514861418e-1f);
    t = t * w + splat(-3.761262582423300e-1f);
    t = t * w + splat(1.128379165726710e+0f);
    vf inner = splat(0.5f) + splat(0.5f) * (z * t);
    // |z| >= 1: erfc(a) = exp(-a^2) / a * P(1 / a^2)
    vf q = splat(1.0f) / max_vf(a, splat(1.0f));
    vf y = q * q;
    vf p1 = splat(2.326819970068386e-2f);
    p1 = p1 * y + splat(-1.387039388740657e-1f);
    p1 = p1 * y + splat(3.687424674597105e-1f);
    p1 = p1 * y + splat(-5.824733027278666e-1f);
    p1 = p1 * y + splat(6.210004621745983e-1f);
    p1 = p1 * y + splat(-4.944515323274145e-1f);
    p1 = p1 * y + splat(3.404879937665872e-1f);
    p1 = p1 * y + splat(-2.741127028184656e-1f);
    p1 = p1 * y + splat(5.638259427386472e-1f);
    vf p2 = splat(-1.047766399936249e+1f);
    p2 = p2 * y + splat(1.297719955372516e+1f);
    p2 = p2 * y + splat(-7.495518717768503e+0f);
    p2 = p2 * y + splat(2.921019019210786e+0f);
    p2 = p2 * y + splat(-1.015265279202700e+0f);
    p2 = p2 * y + splat(4.218463358204948e-1f);
    p2 = p2 * y + splat(-2.820767439740514e-1f);
    p2 = p2 * y + splat(5.641895067754075e-1f);
    vf p = select_vf((vi)(a < splat(2.0f)), p1, p2);
    // exp(-a^2) loses digits when a^2 is rounded: split a into a short head, whose square is exact, and the rest.
    vf head = as_float(as_int(a) & (int32_t)0xfffff000);
    vf square_rest = (a - head) * (a + head);
    vf tail = splat(0.5f) * exp_vf(-head * head) * exp_vf(-square_rest) * q * p;
    vf outer = select_vf((vi)(z > splat(0.0f)), splat(1.0f) - tail, tail);
    return x * select_vf((vi)(a < splat(1.0f)), inner, outer);
}

INLINE vf activated(vf x, ck_activation activation) {
    switch (activation) {
    case CK_SILU: return sigmoid_gated(x, 1.0f);
    case CK_QUICK_GELU: return sigmoid_gated(x, 1.702f);
    case CK_GELU: return gelu_vf(x);
    default: return x;
    }
}

// Rows become columns.
INLINE void transpose8(vf r[8]) {
#define LO(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HI(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
    vf t0 = LO(r[0], r[1]), t1 = HI(r[0], r[1]), t2 = LO(r[2], r[3]), t3 = HI(r[2], r[3]);
    vf t4 = LO(r[4], r[5]), t5 = HI(r[4], r[5]), t6 = LO(r[6], r[7]), t7 = HI(r[6], r[7]);
#undef LO
#undef HI
#define LO(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HI(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
    vf u0 = LO(t0, t2), u1 = HI(t0, t2), u2 = LO(t1, t3), u3 = HI(t1, t3);
    vf u4 = LO(t4, t6), u5 = HI(t4, t6), u6 = LO(t5, t7), u7 = HI(t5, t7);
#undef LO
#undef HI
#define LO(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HI(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
    r[0] = LO(u0, u4), r[1] = LO(u1, u5), r[2] = LO(u2, u6), r[3] = LO(u3, u7);
    r[4] = HI(u0, u4), r[5] = HI(u1, u5), r[6] = HI(u2, u6), r[7] = HI(u3, u7);
#undef LO
#undef HI
}
