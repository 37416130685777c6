// The products of matrices of floats, or with PAIRS of pairs of bfloat16 in their place: included for each.

// Functions of their own: inlined into larger loops, the tile's registers would be spilled.

// Up to ROWS rows of `a`, each contiguous, by two whole vectors.
static __attribute__((noinline)) void PRODUCT(tile)(size_t rows, const float *a, ptrdiff_t lda, const float *b,
                                                    ptrdiff_t ldb, ptrdiff_t next, float *c, ptrdiff_t ldc, size_t k,
                                                    int accumulate) {
    micro_rows(PAIRS, rows, 2, a, lda, 1, b, ldb, next, c, ldc, k, accumulate, W);
}
// Up to ROWS columns of `a`, rows `lda` apart: the product with the transposed.
static __attribute__((noinline)) void PRODUCT(tile_transposed)(size_t rows, const float *a, ptrdiff_t lda,
                                                               const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc,
                                                               size_t k, int accumulate) {
    micro_rows(PAIRS, rows, 2, a, 1, lda, b, ldb, W, c, ldc, k, accumulate, W);
}

// The whole tile, by far the most frequent.
static __attribute__((noinline)) void PRODUCT(tile_full)(const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                                                         ptrdiff_t next, float *c, ptrdiff_t ldc, size_t k,
                                                         int accumulate) {
    micro(PAIRS, ROWS, 2, a, lda, 1, b, ldb, next, c, ldc, k, accumulate, W);
}
// At most two vectors, nothing past `columns` touched.
static __attribute__((noinline)) void PRODUCT(tile_edge)(size_t rows, size_t columns, const float *a, ptrdiff_t lda,
                                                         const float *b, ptrdiff_t ldb, ptrdiff_t next, float *c,
                                                         ptrdiff_t ldc, size_t k, int accumulate) {
    if (columns > W)
        micro_rows(PAIRS, rows, 2, a, lda, 1, b, ldb, next, c, ldc, k, accumulate, columns - W);
    else if (columns == W)
        micro_rows(PAIRS, rows, 1, a, lda, 1, b, ldb, next, c, ldc, k, accumulate, W);
    else
        micro_rows(PAIRS, rows, 1, a, lda, 1, b, ldb, next, c, ldc, k, accumulate, columns);
}

static void PRODUCT(gemm)(const float *a, ptrdiff_t lda, const float *packed, ptrdiff_t panel_stride, float *c,
                          ptrdiff_t ldc, size_t m, size_t n, size_t k, int accumulate) {
    // Two vectors are one panel or two.
    const ptrdiff_t next = W < CK_PANEL ? W : panel_stride;
    size_t blocks = (k + K_BLOCK - 1) / K_BLOCK, block = blocks ? (k + blocks - 1) / blocks : 0;
    for (size_t p = 0; p < k; p += block) {
        size_t depth = k - p < block ? k - p : block;
        int add = accumulate || p > 0;
        for (size_t j = 0; j < n; j += 2 * W) {
            const float *b = packed + (ptrdiff_t)(j / CK_PANEL) * panel_stride + p * CK_PANEL;
            size_t columns = n - j < 2 * W ? n - j : 2 * W;
            const float *ahead = b + (2 * W / CK_PANEL) * panel_stride;
            for (size_t i = 0; i < m; i += ROWS) {
                const float *x = a + (ptrdiff_t)i * lda + p;
                float *y = c + (ptrdiff_t)i * ldc + j;
                size_t rows = m - i < ROWS ? m - i : ROWS;
                // Panels come from memory: the next one while this one is worked at, piece by piece.
                if (j + 2 * W < n)
                    for (ptrdiff_t panel = 0; panel < 2 * W / CK_PANEL; panel++)
                        fetch_part(ahead + panel * panel_stride, depth * CK_PANEL, i / ROWS, (m + ROWS - 1) / ROWS);
                if (columns < 2 * W)
                    PRODUCT(tile_edge)(rows, columns, x, lda, b, CK_PANEL, next, y, ldc, depth, add);
                else if (rows < ROWS)
                    PRODUCT(tile)(rows, x, lda, b, CK_PANEL, next, y, ldc, depth, add);
                else
                    PRODUCT(tile_full)(x, lda, b, CK_PANEL, next, y, ldc, depth, add);
            }
        }
    }
}
