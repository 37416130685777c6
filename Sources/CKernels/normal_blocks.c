// PyTorch's normal values from uniform ones: the Box-Muller transform by Cephes' polynomials in the form of
// avx_mathfun.h (Pommier, Garberoglio), eight lanes at a time and with fused multiply-adds, as its AVX2 kernel rounds.
// The system's logf, sinf and cosf are closer to the true values but differ in the last bits, and a seed should give
// the same noise here as there.
#include "ckernels.h"

#pragma clang fp contract(off)
#pragma clang diagnostic ignored "-Wpsabi"  // every function with vectors in its signature is inlined

#define INLINE static inline __attribute__((always_inline))

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));

INLINE v8 fused(v8 a, v8 b, v8 c) { return __builtin_elementwise_fma(a, b, c); }
INLINE v8 all(float x) { return (v8){x, x, x, x, x, x, x, x}; }
INLINE v8 choose(i8 mask, v8 a, v8 b) { return (v8)((mask & (i8)a) | (~mask & (i8)b)); }

// The compilers' own, lane by lane: not all of them have one for vectors.
INLINE v8 square_root(v8 x) {
    for (int i = 0; i < 8; i++) x[i] = __builtin_sqrtf(x[i]);
    return x;
}

// The natural logarithm of positive normal numbers, by a polynomial on [sqrt(1/2), sqrt(2)].
INLINE v8 natural_log(v8 value) {
    i8 bits = (i8)value;
    v8 exponent = __builtin_convertvector((bits >> 23) - 126, v8);
    v8 x = (v8)((bits & (int32_t)0x807FFFFF) | 0x3F000000);  // mantissa in [0.5, 1)
    i8 is_small = x < all(0.707106781186547524f);
    exponent = choose(is_small, exponent - 1, exponent);
    x = choose(is_small, (x - 1) + x, x - 1);
    v8 square = x * x;
    v8 y = all(7.0376836292E-2f);
    y = fused(y, x, all(-1.1514610310E-1f));
    y = fused(y, x, all(1.1676998740E-1f));
    y = fused(y, x, all(-1.2420140846E-1f));
    y = fused(y, x, all(1.4249322787E-1f));
    y = fused(y, x, all(-1.6668057665E-1f));
    y = fused(y, x, all(2.0000714765E-1f));
    y = fused(y, x, all(-2.4999993993E-1f));
    y = fused(y, x, all(3.3333331174E-1f));
    y = fused(y * x, square, exponent * -2.12194440e-4f);
    y -= square * 0.5f;
    return fused(exponent, all(0.693359375f), x + y);
}

// Sine and cosine of angles in [0, 2 pi], by one polynomial each on [-pi/4, pi/4].
INLINE void sine_and_cosine(v8 angle, v8 *sines, v8 *cosines) {
    // The nearest even multiple of pi/4 is taken off in three parts, so that the difference keeps its precision.
    i8 octant = (__builtin_convertvector(angle * 1.27323954473516f, i8) + 1) & ~1;
    v8 multiple = __builtin_convertvector(octant, v8);
    v8 x = fused(multiple, all(-0.78515625f), angle);
    x = fused(multiple, all(-2.4187564849853515625e-4f), x);
    x = fused(multiple, all(-3.77489497744594108e-8f), x);
    v8 square = x * x;

    v8 cosine = all(2.443315711809948e-5f);
    cosine = fused(cosine, square, all(-1.388731625493765e-3f));
    cosine = fused(cosine, square, all(4.166664568298827e-2f));
    cosine = fused(cosine * square, square, -(square * 0.5f));
    cosine += 1;

    v8 sine = all(-1.9515295891E-4f);
    sine = fused(sine, square, all(8.3321608736E-3f));
    sine = fused(sine, square, all(-1.6666654611E-1f));
    sine = fused(sine * square, x, x);

    // By octant: 0 (sine, cosine), 2 (cosine, -sine), 4 (-sine, -cosine), 6 (-cosine, sine).
    i8 change_places = (octant & 2) != 0;
    i8 sine_sign = (octant & 4) << 29, cosine_sign = ((octant + 2) & 4) << 29;
    *sines = (v8)((i8)choose(change_places, cosine, sine) ^ sine_sign);
    *cosines = (v8)((i8)choose(change_places, sine, cosine) ^ cosine_sign);
}

INLINE void transform(float *values, size_t blocks) {
    const float two_pi = 2 * 3.14159265358979323846f;
    for (float *block = values; block < values + 16 * blocks; block += 16) {
        v8 first, second, sines, cosines;
        __builtin_memcpy(&first, block, sizeof first);
        __builtin_memcpy(&second, block + 8, sizeof second);
        v8 radius = square_root(-2 * natural_log(1 - first));
        sine_and_cosine(two_pi * second, &sines, &cosines);
        first = radius * cosines + 0;  // adding the mean turns -0 into 0
        second = radius * sines + 0;
        __builtin_memcpy(block, &first, sizeof first);
        __builtin_memcpy(block + 8, &second, sizeof second);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void transform_fused(float *values, size_t blocks) {
    transform(values, blocks);
}
#endif

void ck_normal_blocks(float *values, size_t blocks) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return transform_fused(values, blocks);
#endif
    transform(values, blocks);
}
