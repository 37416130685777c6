// What Strassen's algorithm adds (Winograd's variant, 15 additions) around the seven products of quadrants. X and Y of
//     C11 = A11 B11 + A12 B21            C12 = X + S1 T1 + S4 B22
//     C21 = X + S3 T3 + A22 T4           C22 = X + S3 T3 + S1 T1       where X = A11 B11 + S2 T2

// S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2: from `rows` rows and the `rows` rows after them, `k`
// columns and the `k` columns after these, k a multiple of the vectors' length.
static void NAME(strassen_rows)(const float *a, ptrdiff_t lda, size_t rows, size_t k, float *s) {
    for (size_t r = 0; r < rows; r++) {
        const float *upper = a + (ptrdiff_t)r * lda, *lower = upper + (ptrdiff_t)rows * lda;
        for (size_t p = 0; p < k; p += W) {
            vf a11 = load(upper + p), a12 = load(upper + k + p), a21 = load(lower + p), a22 = load(lower + k + p);
            vf s1 = a21 + a22, s2 = s1 - a11;
            float *to = s + r * k + p;
            store(to, s1);
            store(to + rows * k, s2);
            store(to + 2 * rows * k, a11 - a21);
            store(to + 3 * rows * k, a12 - s2);
        }
    }
}

// T1 = B12 - B11, T2 = B22 - T1, T3 = B22 - B12, T4 = B21 - T2, of two panels [2 k][16].
static void NAME(strassen_panels)(const float *left, const float *right, size_t k, float *t, ptrdiff_t stride) {
    for (size_t p = 0; p < k * CK_PANEL; p += W) {
        vf b11 = load(left + p), b12 = load(right + p), b21 = load(left + k * CK_PANEL + p),
           b22 = load(right + k * CK_PANEL + p);
        vf t1 = b12 - b11, t2 = b22 - t1;
        store(t + p, t1);
        store(t + stride + p, t2);
        store(t + 2 * stride + p, b22 - b12);
        store(t + 3 * stride + p, b21 - t2);
    }
}

// Completes C12, C21 and C22, where C11 holds A11 B11, C12 S4 B22, C21 A22 T4; `products` are S2 T2, S1 T1, S3 T3, each
// [rows][columns]. C12 lies `right` floats after C11.
static void NAME(strassen_sums)(float *c, ptrdiff_t ldc, ptrdiff_t right, size_t rows, size_t columns,
                                const float *products) {
    const size_t size = rows * columns;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < columns; j += W) {
            float *upper = c + (ptrdiff_t)r * ldc + j, *lower = upper + (ptrdiff_t)rows * ldc;
            const float *p = products + r * columns + j;
            vf x = load(upper) + load(p), y = load(p + size), z = x + load(p + 2 * size);
            store(upper + right, load(upper + right) + (x + y));
            store(lower, load(lower) + z);
            store(lower + right, z + y);
        }
}
