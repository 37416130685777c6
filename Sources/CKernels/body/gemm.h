// Matrix products on packed panels.

// Rows of the tile of results that stays in registers, two vectors each: 24 of AVX-512's 32 registers, 12 of AVX2's 16,
// 24 of NEON's 32 and 8 of SSE2's 16, which take two for a vector. (Of SSE2's, 2 rows are faster than 3 and 4 by 1.14
// and 1.07.)
#if CK_AVX512
enum { ROWS = 12 };
#elif CK_AVX2 || defined(__aarch64__)
enum { ROWS = 6 };
#else
enum { ROWS = 2 };
#endif

// c[MR x NV W] (+)= a * b. Value p of row r of `a` lies at a[r * row + p * step]; the second vector of a row of `b`
// lies `next` after the first. Of the last vector of each row of the result `part` values are written. With PAIRS the
// floats of `a` and `b` are pairs of bfloat16.
INLINE void micro(const int PAIRS, const int MR, const int NV, const float *restrict a, const ptrdiff_t row,
                  const ptrdiff_t step, const float *restrict b, ptrdiff_t ldb, ptrdiff_t next, float *restrict c,
                  ptrdiff_t ldc, size_t k, int accumulate, const size_t part) {
    vf acc[ROWS][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < MR; r++)
        for (int v = 0; v < NV; v++) acc[r][v] = splat(0);
    // Three rows from each pointer: no more than the addressing modes reach.
    const float *a3 = a + 3 * row, *a6 = a + 6 * row, *a9 = a + 9 * row;
#if CK_AVX512
#pragma clang loop unroll(disable)  // unrolled, the compiler spills sums to make room for later loads
#else
#pragma clang loop unroll_count(4)
#endif
    for (size_t p = 0; p < k; p++) {
        vf b0 = load(b), b1 = NV > 1 ? load(b + next) : b0;
        const ptrdiff_t at = (ptrdiff_t)p * step;
#pragma clang loop unroll(full)
        for (int r = 0; r < MR; r++) {
            const float *from = r < 3 ? a : r < 6 ? a3 : r < 9 ? a6 : a9;
            vf x = splat(from[r % 3 * row + at]);
            acc[r][0] = PAIRS ? dot_pairs(x, b0, acc[r][0]) : x * b0 + acc[r][0];
            if (NV > 1) acc[r][1] = PAIRS ? dot_pairs(x, b1, acc[r][1]) : x * b1 + acc[r][1];
        }
        b += ldb;
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < MR; r++)
        for (int v = 0; v < NV; v++) {
            float *p = c + r * ldc + W * v;
            size_t n = v == NV - 1 ? part : W;
            store_part(p, accumulate ? load_part(p, n) + acc[r][v] : acc[r][v], n);
        }
}

INLINE void micro_rows(const int PAIRS, size_t rows, const int NV, const float *a, const ptrdiff_t row,
                       const ptrdiff_t step, const float *b, ptrdiff_t ldb, ptrdiff_t next, float *c, ptrdiff_t ldc,
                       size_t k, int accumulate, const size_t part) {
    // clang-format off
#define CASE(n) case n: micro(PAIRS, n, NV, a, row, step, b, ldb, next, c, ldc, k, accumulate, part); break;
    switch (rows) {
#if CK_AVX512
        CASE(12) CASE(11) CASE(10) CASE(9) CASE(8) CASE(7)
#endif
#if CK_AVX2 || defined(__aarch64__)
        CASE(6) CASE(5) CASE(4) CASE(3)
#endif
        CASE(2) CASE(1)
    }
    // clang-format on
#undef CASE
}

// Asks for part `index` of `parts` of `floats` floats that are needed soon and lie in no near cache.
INLINE void fetch_part(const float *from, size_t floats, size_t index, size_t parts) {
    for (size_t q = floats * index / parts / 16 * 16, end = floats * (index + 1) / parts; q < end; q += 16)
        __builtin_prefetch(from + q, 0, 2);
}

// The panels' rows that stay in the first-level cache while all rows of `a` pass by: 20 KB of 32, or 24 of 48.
#if CK_AVX512
enum { K_BLOCK = 192 };
#else
enum { K_BLOCK = 320 };
#endif

#define PAIRS 0
#define PRODUCT NAME
#include "products.h"
#undef PAIRS
#undef PRODUCT
#define PAIRS 1
#define PRODUCT(x) NAME(x##_pairs)
#include "products.h"
#undef PAIRS
#undef PRODUCT

INLINE const ck_block *block_of(const void *weight, size_t index) {
    return (const ck_block *)weight + index / CK_BLOCK;
}
// Eight values of a block: every eight from a multiple of eight on lie in one.
INLINE v8 load_block8(const void *weight, size_t index) {
    typedef int16_t s8 __attribute__((vector_size(16), aligned(2), may_alias));
    const ck_block *block = block_of(weight, index);
    const float s = block->scale;
    v8 values = __builtin_convertvector(*(const s8 *)(block->values + index % CK_BLOCK), v8);
    return values * (v8){s, s, s, s, s, s, s, s};
}

INLINE vf load_weight(const void *weight, ck_format format, size_t index) {
    if (format == CK_BLOCKS) {
#if CK_AVX512
        return two_rows(load_block8(weight, index), load_block8(weight, index + 8));
#else
        return load_block8(weight, index);
#endif
    }
    return format == CK_FLOAT16 ? load_half((const uint16_t *)weight + index) : load((const float *)weight + index);
}
INLINE float weight_at(const void *weight, ck_format format, size_t index) {
    if (format == CK_BLOCKS) {
        const ck_block *block = block_of(weight, index);
        return (float)block->values[index % CK_BLOCK] * block->scale;
    }
    return format == CK_FLOAT16 ? ck_half_to_float(((const uint16_t *)weight)[index]) : ((const float *)weight)[index];
}

INLINE v8 load_weight8(const void *weight, ck_format format, size_t index) {
    if (format == CK_BLOCKS) return load_block8(weight, index);
    if (format == CK_FLOAT32) return *(const v8_unaligned *)((const float *)weight + index);
#if CK_AVX2
    return (v8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)((const uint16_t *)weight + index)));
#else
    return load_half((const uint16_t *)weight + index);
#endif
}

// Columns [p, p + 8) of W rows of a [n x k] matrix, transposed: out[i] holds column p + i of the rows; 0 past row n.
INLINE void load_transposed(const void *weight, ck_format format, size_t n, size_t k, size_t first, size_t p,
                            vf out[8]) {
    for (size_t r = 0; r < 8; r++) {
        v8 row = first + r < n ? load_weight8(weight, format, (first + r) * k + p) : (v8){0};
#if CK_AVX512
        out[r] = two_rows(row, first + r + 8 < n ? load_weight8(weight, format, (first + r + 8) * k + p) : (v8){0});
#else
        out[r] = row;
#endif
    }
    transpose8(out);
}

INLINE void pack_any(const void *weight, const ck_format format, size_t n, size_t k, size_t first, size_t from,
                     size_t count, float *panel) {
    size_t p = 0;
    for (; p + 8 <= count; p += 8)
        for (size_t h = 0; h < CK_PANEL; h += W) {
            vf t[8];
            load_transposed(weight, format, n, k, first + h, from + p, t);
            for (size_t i = 0; i < 8; i++) store(panel + (p + i) * CK_PANEL + h, t[i]);
        }
    for (; p < count; p++)
        for (size_t r = 0; r < CK_PANEL; r++)
            panel[p * CK_PANEL + r] = first + r < n ? weight_at(weight, format, (first + r) * k + from + p) : 0;
}

static void NAME(pack)(const void *weight, ck_format format, size_t n, size_t k, size_t first, size_t from,
                       size_t count, float *panel) {
    switch (format) {
    case CK_FLOAT32: pack_any(weight, CK_FLOAT32, n, k, first, from, count, panel); break;
    case CK_FLOAT16: pack_any(weight, CK_FLOAT16, n, k, first, from, count, panel); break;
    case CK_BLOCKS: pack_any(weight, CK_BLOCKS, n, k, first, from, count, panel); break;
    }
}

static void NAME(pack_convolution)(const void *weight, ck_format format, size_t n, size_t channels, size_t taps,
                                   size_t first, float *panel) {
    size_t k = channels * taps, p = 0, c = 0, t = 0;  // p = c * taps + t
    for (; p + 8 <= k; p += 8) {
        vf rows[CK_PANEL / W][8];
        for (size_t h = 0; h < CK_PANEL / W; h++) load_transposed(weight, format, n, k, first + h * W, p, rows[h]);
        for (size_t i = 0; i < 8; i++) {
            for (size_t h = 0; h < CK_PANEL / W; h++) store(panel + (t * channels + c) * CK_PANEL + h * W, rows[h][i]);
            if (++t == taps) t = 0, c++;
        }
    }
    for (; p < k; p++) {
        float *row = panel + (t * channels + c) * CK_PANEL;
        for (size_t r = 0; r < CK_PANEL; r++)
            row[r] = first + r < n ? weight_at(weight, format, (first + r) * k + p) : 0;
        if (++t == taps) t = 0, c++;
    }
}

INLINE void matvec_any(const float *x, size_t ldx, const void *weight, const ck_format format, float *y, size_t ldy,
                       size_t rows, size_t n, size_t k) {
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++) {
            const float *row = x + r * ldx;
            vf s0 = splat(0), s1 = splat(0);
            size_t p = 0;
            for (; p + 2 * W <= k; p += 2 * W) {
                s0 = load(row + p) * load_weight(weight, format, j * k + p) + s0;
                s1 = load(row + p + W) * load_weight(weight, format, j * k + p + W) + s1;
            }
            float sum = sum_of(s0 + s1);
            for (; p < k; p++) sum += row[p] * weight_at(weight, format, j * k + p);
            y[r * ldy + j] = sum;
        }
}

static void NAME(matvec)(const float *x, size_t ldx, const void *weight, ck_format format, float *y, size_t ldy,
                         size_t rows, size_t n, size_t k) {
    switch (format) {
    case CK_FLOAT32: matvec_any(x, ldx, weight, CK_FLOAT32, y, ldy, rows, n, k); break;
    case CK_FLOAT16: matvec_any(x, ldx, weight, CK_FLOAT16, y, ldy, rows, n, k); break;
    case CK_BLOCKS: matvec_any(x, ldx, weight, CK_BLOCKS, y, ldy, rows, n, k); break;
    }
}

// Blocks of values: each of the largest magnitude's size, rounded to nearest. What is too small for a scale is zero.
static void NAME(narrow)(const float *values, size_t count, ck_block *blocks) {
    for (size_t first = 0; first < count; first += CK_BLOCK, blocks++) {
        float block[CK_BLOCK] = {0};
        memcpy(block, values + first, (count - first < CK_BLOCK ? count - first : CK_BLOCK) * sizeof(float));
        vf largest = splat(0);
        for (size_t i = 0; i < CK_BLOCK; i += W)
            largest = max_vf(largest, max_vf(load(block + i), splat(0) - load(block + i)));
        float most = 0;
        for (size_t i = 0; i < W; i++) most = largest[i] > most ? largest[i] : most;
        float factor = most > 0x1p-100f ? 32767 / most : 0;
        blocks->scale = most > 0x1p-100f ? most / 32767 : 0;
        for (size_t i = 0; i < CK_BLOCK; i++) {
            // Added to 1.5 times 2^23, a number has its nearest whole one in the lowest bits.
            float shifted = block[i] * factor + 0x1.8p23f;
            int32_t bits;
            memcpy(&bits, &shifted, sizeof bits);
            blocks->values[i] = (int16_t)(bits - 0x4b400000);
        }
    }
}
