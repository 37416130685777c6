// Attention in tiles of keys with a running maximum and sum (Milakov & Gimelshein 2018). A vector's lanes are queries:
// the scores of two vectors of queries and a tile of keys are a matrix [keys][queries] that stays in the first-level
// cache, maxima and sums run down its columns, and keys and values are read where they lie.

// Queries worked at together.
enum { LANES = 2 * W };
// Keys of a tile at most, and floats of its keys or values: both tiles stay in half of a 512 KB second-level cache.
enum { KEY_TILE = 192, KEY_TILE_FLOATS = 32768 };

// Queries [rows <= LANES x depth], scaled, as [depth][LANES]; zeros past the rows.
INLINE void pack_queries(const float *queries, size_t ld, size_t rows, size_t depth, float scale, float *packed) {
    size_t d = 0;
    for (; d + 8 <= depth; d += 8)
        for (size_t h = 0; h < LANES; h += W) {
            vf t[8];
            load_transposed(queries, 0, rows, ld, h, d, t);
            for (size_t i = 0; i < 8; i++) store(packed + (d + i) * LANES + h, t[i] * splat(scale));
        }
    for (; d < depth; d++)
        for (size_t r = 0; r < LANES; r++) packed[d * LANES + r] = r < rows ? queries[r * ld + d] * scale : 0;
}

// [depth][LANES], each lane times its factor, as rows of the output.
INLINE void unpack_output(const float *packed, const float *factors, float *output, size_t ld, size_t rows,
                          size_t depth) {
    size_t d = 0;
    for (; d + 8 <= depth; d += 8)
        for (size_t h = 0; h < LANES && h < rows; h += W) {
            vf t[8];
            for (size_t i = 0; i < 8; i++) t[i] = load(packed + (d + i) * LANES + h) * load(factors + h);
            transpose8(t);
            for (size_t r = 0; r < 8 && h + r < rows; r++) {
                float *to = output + (h + r) * ld + d;
#if CK_AVX512
                *(v8_unaligned *)to = low_half(t[r]);
                if (h + r + 8 < rows) *(v8_unaligned *)(to + 8 * ld) = high_half(t[r]);
#else
                store(to, t[r]);
#endif
            }
        }
    for (; d < depth; d++)
        for (size_t r = 0; r < rows; r++) output[r * ld + d] = packed[d * LANES + r] * factors[r];
}

// Scores [keys][LANES] become weights; the output so far and the sums are rescaled to the new maxima.
INLINE void online_softmax(float *scores, size_t keys, float *output, size_t depth, float *maxima, float *sums) {
    vf old[2], top[2], total[2], factor[2];
    for (int v = 0; v < 2; v++) old[v] = top[v] = load(maxima + v * W);
    for (size_t j = 0; j < keys; j++)
        for (int v = 0; v < 2; v++) top[v] = max_vf(top[v], load(scores + j * LANES + v * W));
    for (int v = 0; v < 2; v++) {
        factor[v] = exp2_vf(max_vf(old[v] - top[v], splat(-126.0f)));
        store(maxima + v * W, top[v]);
        total[v] = splat(0);
    }
    for (size_t d = 0; d < depth; d++)
        for (int v = 0; v < 2; v++) store(output + d * LANES + v * W, load(output + d * LANES + v * W) * factor[v]);
    for (size_t j = 0; j < keys; j++)
        for (int v = 0; v < 2; v++) {
            float *p = scores + j * LANES + v * W;
            vf weight = exp2_vf(max_vf(load(p) - top[v], splat(-126.0f)));
            total[v] = total[v] + weight;
            store(p, weight);
        }
    for (int v = 0; v < 2; v++) store(sums + v * W, load(sums + v * W) * factor[v] + total[v]);
}

// Keys after each query's own count for nothing: lane r of `scores` is query `query` + r.
INLINE void hide_later(float *scores, size_t first, size_t keys, size_t query) {
    for (size_t j = 0; j < keys; j++)
        for (size_t r = 0; r < LANES && query + r < first + j; r++) scores[j * LANES + r] = -3e38f;
}

INLINE void attend(const int pairs, const float *queries, size_t ldq, const float *keys, const float *values,
                   size_t ldk, float *output, size_t ldo, size_t rows, size_t tokens, size_t depth, float scale,
                   ptrdiff_t causal_from, float *scratch) {
    // Pairs of keys' channels, and of values' rows.
    const size_t ldv = ldk, per = pairs ? 2 : 1;
    ldk /= per;
    float scores[KEY_TILE * LANES];
    const size_t groups = (rows + LANES - 1) / LANES, size = groups * depth * LANES;
    float *q = scratch, *o = q + size, *maxima = o + size, *sums = maxima + groups * LANES;
    const float to_base2 = scale * 1.44269504088896341f;  // softmax in powers of two
    for (size_t g = 0; g < groups; g++) {
        size_t left = rows - g * LANES < LANES ? rows - g * LANES : LANES;
        float *to = q + g * depth * LANES;
        pack_queries(queries + g * LANES * ldq, ldq, left, depth, to_base2, to);
        if (pairs) NAME(pair_rows)(to, LANES, depth, LANES, to, LANES);
    }
    memset(o, 0, size * sizeof(float));
    for (size_t r = 0; r < groups * LANES; r++) maxima[r] = -3e38f, sums[r] = 0;

    size_t step = KEY_TILE_FLOATS / depth < KEY_TILE ? KEY_TILE_FLOATS / depth : KEY_TILE;
    step = step > 2 * ROWS ? step / ROWS * ROWS : 2 * ROWS;
    // Rows of the output at a time, as even as they come.
    const size_t parts = (depth + ROWS - 1) / ROWS, part = (depth + parts - 1) / parts;
    for (size_t first = 0; first < tokens; first += step) {
        size_t count = tokens - first < step ? tokens - first : step;
        const float *k = keys + first * ldk, *v = values + first / per * ldv;
        for (size_t g = 0; g < groups; g++) {
            float *y = o + g * depth * LANES;
            // The next tile's keys and values lie in short rows far apart, which the processor does not foresee.
            for (size_t j = count * g / groups; j < count * (g + 1) / groups && first + step + j < tokens; j++) {
                fetch_part(k + (step + j) * ldk, depth / per, 0, 1);
                if (j % per == 0) fetch_part(v + (step + j) / per * ldv, depth, 0, 1);
            }
            for (size_t j = 0; j < count; j += ROWS)
                (pairs ? NAME(tile_pairs) : NAME(tile))(count - j < ROWS ? count - j : ROWS, k + j * ldk,
                                                        (ptrdiff_t)ldk, q + g * depth * LANES, LANES, W,
                                                        scores + j * LANES, LANES, depth / per, 0);
            if (causal_from >= 0) hide_later(scores, first, count, (size_t)causal_from + g * LANES);
            online_softmax(scores, count, y, depth, maxima + g * LANES, sums + g * LANES);
            if (pairs) NAME(pair_rows)(scores, LANES, count, LANES, scores, LANES);
            for (size_t d = 0; d < depth; d += part)
                (pairs ? NAME(tile_transposed_pairs) : NAME(tile_transposed))(
                    depth - d < part ? depth - d : part, v + d, (ptrdiff_t)ldv, scores, LANES, y + d * LANES, LANES,
                    (count + per - 1) / per, 1);
        }
    }
    for (size_t g = 0; g < groups; g++) {
        size_t left = rows - g * LANES < LANES ? rows - g * LANES : LANES;
        float *factors = sums + g * LANES;
        for (size_t r = 0; r < LANES; r++) factors[r] = 1.0f / factors[r];
        unpack_output(o + g * depth * LANES, factors, output + g * LANES * ldo, ldo, left, depth);
    }
}

static void NAME(attention)(int pairs, const float *queries, size_t ldq, const float *keys, const float *values,
                            size_t ldk, float *output, size_t ldo, size_t rows, size_t tokens, size_t depth,
                            float scale, ptrdiff_t causal_from, float *scratch) {
    if (pairs)
        attend(1, queries, ldq, keys, values, ldk, output, ldo, rows, tokens, depth, scale, causal_from, scratch);
    else
        attend(0, queries, ldq, keys, values, ldk, output, ldo, rows, tokens, depth, scale, causal_from, scratch);
}
