// Matrix products on packed panels.

// The tile that stays in registers: MR x (8 NV) results, MR at most 6, NV at most 2 (12 of AVX2's 16 registers).
INLINE void micro(const int MR, const int NV, const float *restrict a, ptrdiff_t lda, const float *restrict b, ptrdiff_t ldb,
                  float *restrict c, ptrdiff_t ldc, size_t k, int accumulate) {
    vf acc[6][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < MR; r++)
        for (int v = 0; v < NV; v++) acc[r][v] = splat(0);
    const float *a3 = a + 3 * lda;
#pragma clang loop unroll_count(4)
    for (size_t p = 0; p < k; p++) {
        vf b0 = load(b), b1 = NV > 1 ? load(b + 8) : b0;
#pragma clang loop unroll(full)
        for (int r = 0; r < MR; r++) {
            vf x = splat(r < 3 ? a[r * lda + (ptrdiff_t)p] : a3[(r - 3) * lda + (ptrdiff_t)p]);
            acc[r][0] = x * b0 + acc[r][0];
            if (NV > 1) acc[r][1] = x * b1 + acc[r][1];
        }
        b += ldb;
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < MR; r++)
        for (int v = 0; v < NV; v++) {
            float *p = c + r * ldc + 8 * v;
            store(p, accumulate ? load(p) + acc[r][v] : acc[r][v]);
        }
}

INLINE void micro_rows(size_t rows, const int NV, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c,
                       ptrdiff_t ldc, size_t k, int accumulate) {
    switch (rows) {
    case 6: micro(6, NV, a, lda, b, ldb, c, ldc, k, accumulate); break;
    case 5: micro(5, NV, a, lda, b, ldb, c, ldc, k, accumulate); break;
    case 4: micro(4, NV, a, lda, b, ldb, c, ldc, k, accumulate); break;
    case 3: micro(3, NV, a, lda, b, ldb, c, ldc, k, accumulate); break;
    case 2: micro(2, NV, a, lda, b, ldb, c, ldc, k, accumulate); break;
    default: micro(1, NV, a, lda, b, ldb, c, ldc, k, accumulate);
    }
}

// The whole tile as a function of its own: inlined into larger loops, its registers would be spilled.
static __attribute__((noinline)) void NAME(micro_full)(const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c,
                                                       ptrdiff_t ldc, size_t k, int accumulate) {
    micro(6, 2, a, lda, b, ldb, c, ldc, k, accumulate);
}
static __attribute__((noinline)) void NAME(micro_part)(size_t rows, size_t vectors, const float *a, ptrdiff_t lda, const float *b,
                                                       ptrdiff_t ldb, float *c, ptrdiff_t ldc, size_t k, int accumulate) {
    if (vectors == 2)
        micro_rows(rows, 2, a, lda, b, ldb, c, ldc, k, accumulate);
    else
        micro_rows(rows, 1, a, lda, b, ldb, c, ldc, k, accumulate);
}
INLINE void multiply_tile(size_t rows, size_t vectors, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c,
                          ptrdiff_t ldc, size_t k, int accumulate) {
    if (rows == 6 && vectors == 2)
        NAME(micro_full)(a, lda, b, ldb, c, ldc, k, accumulate);
    else
        NAME(micro_part)(rows, vectors, a, lda, b, ldb, c, ldc, k, accumulate);
}

#if CK_AVX2  // elsewhere BLAS multiplies
// A panel of `columns` < 16 results: through a full tile beside the result, so that nothing behind it is touched.
static void micro_edge(size_t rows, size_t columns, const float *a, ptrdiff_t lda, const float *b, float *c, ptrdiff_t ldc,
                       size_t k, int accumulate) {
    float tile[6 * CK_PANEL];
    multiply_tile(rows, columns > 8 ? 2 : 1, a, lda, b, CK_PANEL, tile, CK_PANEL, k, 0);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < columns; j++) {
            float x = tile[r * CK_PANEL + j];
            c[(ptrdiff_t)r * ldc + (ptrdiff_t)j] = accumulate ? c[(ptrdiff_t)r * ldc + (ptrdiff_t)j] + x : x;
        }
}

// 16 columns of 320 floats are 20 KB: a panel stays in the first-level cache while all rows pass by.
enum { K_BLOCK = 320 };

static void NAME(gemm)(const float *a, ptrdiff_t lda, const float *packed, ptrdiff_t panel_stride, float *c, ptrdiff_t ldc,
                       size_t m, size_t n, size_t k, int accumulate) {
    size_t blocks = (k + K_BLOCK - 1) / K_BLOCK, block = blocks ? (k + blocks - 1) / blocks : 0;
    for (size_t p = 0; p < k; p += block) {
        size_t depth = k - p < block ? k - p : block;
        int add = accumulate || p > 0;
        for (size_t j = 0; j < n; j += CK_PANEL) {
            const float *b = packed + (ptrdiff_t)(j / CK_PANEL) * panel_stride + p * CK_PANEL;
            size_t columns = n - j < CK_PANEL ? n - j : CK_PANEL;
            for (size_t i = 0; i < m; i += 6) {
                const float *x = a + (ptrdiff_t)i * lda + p;
                float *y = c + (ptrdiff_t)i * ldc + j;
                size_t rows = m - i < 6 ? m - i : 6;
                if (columns == CK_PANEL || columns == 8)
                    multiply_tile(rows, columns / 8, x, lda, b, CK_PANEL, y, ldc, depth, add);
                else
                    micro_edge(rows, columns, x, lda, b, y, ldc, depth, add);
            }
        }
    }
}

#endif

INLINE vf load_weight(const void *weight, int half, size_t index) {
    return half ? load_half((const uint16_t *)weight + index) : load((const float *)weight + index);
}
INLINE float weight_at(const void *weight, int half, size_t index) {
    return half ? ck_half_to_float(((const uint16_t *)weight)[index]) : ((const float *)weight)[index];
}

// Columns [p, p + 8) of 8 rows of a [n x k] matrix, transposed: out[i] holds column p + i of the rows; 0 behind row n.
INLINE void load_transposed(const void *weight, int half, size_t n, size_t k, size_t first, size_t p, vf out[8]) {
    for (size_t r = 0; r < 8; r++) out[r] = first + r < n ? load_weight(weight, half, (first + r) * k + p) : splat(0);
    transpose8(out);
}

INLINE void pack_any(const void *weight, const int half, size_t n, size_t k, size_t first, float *panel) {
    size_t p = 0;
    for (; p + 8 <= k; p += 8)
        for (size_t h = 0; h < CK_PANEL; h += 8) {
            vf t[8];
            load_transposed(weight, half, n, k, first + h, p, t);
            for (size_t i = 0; i < 8; i++) store(panel + (p + i) * CK_PANEL + h, t[i]);
        }
    for (; p < k; p++)
        for (size_t r = 0; r < CK_PANEL; r++)
            panel[p * CK_PANEL + r] = first + r < n ? weight_at(weight, half, (first + r) * k + p) : 0;
}

static void NAME(pack)(const void *weight, int half, size_t n, size_t k, size_t first, float *panel) {
    if (half)
        pack_any(weight, 1, n, k, first, panel);
    else
        pack_any(weight, 0, n, k, first, panel);
}

static void NAME(pack_convolution)(const void *weight, int half, size_t n, size_t channels, size_t taps, size_t first, float *panel) {
    size_t k = channels * taps, p = 0, c = 0, t = 0;  // p = c * taps + t
    for (; p + 8 <= k; p += 8) {
        vf low[8], high[8];
        load_transposed(weight, half, n, k, first, p, low);
        load_transposed(weight, half, n, k, first + 8, p, high);
        for (size_t i = 0; i < 8; i++) {
            float *row = panel + (t * channels + c) * CK_PANEL;
            store(row, low[i]);
            store(row + 8, high[i]);
            if (++t == taps) t = 0, c++;
        }
    }
    for (; p < k; p++) {
        for (size_t r = 0; r < CK_PANEL; r++)
            panel[(t * channels + c) * CK_PANEL + r] = first + r < n ? weight_at(weight, half, (first + r) * k + p) : 0;
        if (++t == taps) t = 0, c++;
    }
}

INLINE void matvec_any(const float *x, size_t ldx, const void *weight, const int half, float *y, size_t ldy, size_t rows, size_t n, size_t k) {
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++) {
            const float *row = x + r * ldx;
            vf s0 = splat(0), s1 = splat(0);
            size_t p = 0;
            for (; p + 16 <= k; p += 16) {
                s0 = load(row + p) * load_weight(weight, half, j * k + p) + s0;
                s1 = load(row + p + 8) * load_weight(weight, half, j * k + p + 8) + s1;
            }
            float sum = sum_of(s0 + s1);
            for (; p < k; p++) sum += row[p] * weight_at(weight, half, j * k + p);
            y[r * ldy + j] = sum;
        }
}

static void NAME(matvec)(const float *x, size_t ldx, const void *weight, int half, float *y, size_t ldy, size_t rows, size_t n, size_t k) {
    if (half)
        matvec_any(x, ldx, weight, 1, y, ldy, rows, n, k);
    else
        matvec_any(x, ldx, weight, 0, y, ldy, rows, n, k);
}
