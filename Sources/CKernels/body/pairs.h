// Values as pairs of bfloat16, rounded to nearest even: see `pairs_of`.

// Rows of neighbours; the last of an odd number of columns is paired with 0.
static void NAME(pair_columns)(const float *x, size_t ldx, size_t rows, size_t columns, float *pairs, size_t ld) {
    for (size_t r = 0; r < rows; r++) {
        const float *from = x + r * ldx;
        float *to = pairs + r * ld;
        size_t c = 0;
        for (; c + 2 * W <= columns; c += 2 * W) store(to + c / 2, load_pairs(from + c));
        if (c < columns) {
            float t[2 * W] = {0};
            memcpy(t, from + c, (columns - c) * sizeof(float));
            store_part(to + c / 2, load_pairs(t), (columns - c + 1) / 2);
        }
    }
}

// Rows 2 i and 2 i + 1 as row i of pairs, which may lie in the same place; the last of an odd number is paired with 0.
static void NAME(pair_rows)(const float *x, size_t ldx, size_t rows, size_t columns, float *pairs, size_t ld) {
    for (size_t r = 0; r < rows; r += 2)
        for (size_t c = 0; c < columns; c += W) {
            const float *from = x + r * ldx + c;
            size_t n = columns - c;
            vf second = r + 1 < rows ? load_part(from + ldx, n) : splat(0);
            store_part(pairs + r / 2 * ld + c, pairs_of(load_part(from, n), second), n);
        }
}
