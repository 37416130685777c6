// Attention in tiles of keys with a running maximum and sum (Milakov & Gimelshein 2018): the scores of six queries and
// one tile of keys never leave the first-level cache.

// Keys of a tile: as many as leave keys and values in half of a 512 KB second-level cache, at most KEY_TILE.
enum { KEY_TILE = 256, KEY_TILE_FLOATS = 32768 };

static void NAME(pack_keys)(const float *keys, size_t ld, size_t tokens, size_t depth, size_t padded_depth, float *packed) {
    for (size_t first = 0; first < tokens; first += CK_PANEL) {
        size_t p = 0;
        for (; p + 8 <= depth; p += 8)
            for (size_t h = 0; h < CK_PANEL; h += 8) {
                vf t[8];
                for (size_t r = 0; r < 8; r++) t[r] = first + h + r < tokens ? load(keys + (first + h + r) * ld + p) : splat(0);
                transpose8(t);
                for (size_t i = 0; i < 8; i++) store(packed + (p + i) * CK_PANEL + h, t[i]);
            }
        for (; p < padded_depth; p++)
            for (size_t r = 0; r < CK_PANEL; r++)
                packed[p * CK_PANEL + r] = p < depth && first + r < tokens ? keys[(first + r) * ld + p] : 0;
        packed += padded_depth * CK_PANEL;
    }
}

static void NAME(pack_values)(const float *values, size_t ld, size_t tokens, size_t depth, size_t padded_depth, float *packed) {
    size_t padded = (tokens + CK_PANEL - 1) / CK_PANEL * CK_PANEL;
    for (size_t t = 0; t < padded; t++, packed += padded_depth) {
        if (t < tokens) memcpy(packed, values + t * ld, depth * sizeof(float));
        size_t from = t < tokens ? depth : 0;
        memset(packed + from, 0, (padded_depth - from) * sizeof(float));
    }
}

// Scores of `rows` queries against one tile become weights; returns the sums' change through maxima and sums.
INLINE void soften(float *scores, size_t rows, size_t keys, float *output, size_t padded_depth, float *maxima, float *sums) {
    for (size_t r = 0; r < rows; r++) {
        float *row = scores + r * KEY_TILE;
        vf top = load(row);
        for (size_t j = 8; j < keys; j += 8) top = max_vf(top, load(row + j));
        float highest = maxima[r];
        for (int i = 0; i < 8; i++) highest = top[i] > highest ? top[i] : highest;
        if (highest > maxima[r]) {
            vf factor = exp2_vf(max_vf(splat(maxima[r] - highest), splat(-126.0f)));
            for (size_t j = 0; j < padded_depth; j += 8) store(output + r * padded_depth + j, load(output + r * padded_depth + j) * factor);
            sums[r] *= factor[0];
            maxima[r] = highest;
        }
        vf total = splat(0);
        for (size_t j = 0; j < keys; j += 8) {
            vf w = exp2_vf(max_vf(load(row + j) - splat(highest), splat(-126.0f)));
            total = total + w;
            store(row + j, w);
        }
        sums[r] += sum_of(total);
    }
}

static void NAME(attention)(const float *queries, size_t ldq, const float *keys, const float *values, float *output, size_t ldo,
                            size_t rows, size_t tokens, size_t depth, size_t padded_depth, float scale, ptrdiff_t causal_from,
                            float *scratch) {
    float *q = scratch, *o = q + rows * padded_depth, *maxima = o + rows * padded_depth, *sums = maxima + rows;
    float scores[6 * KEY_TILE];
    const float to_base2 = scale * 1.44269504088896341f;  // softmax in powers of two
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < padded_depth; i += 8)
            store(q + r * padded_depth + i, load_part(queries + r * ldq + i, depth - i) * splat(to_base2));
        maxima[r] = -3e38f;
        sums[r] = 0;
    }
    memset(o, 0, rows * padded_depth * sizeof(float));
    const ptrdiff_t ld = (ptrdiff_t)padded_depth;
    size_t step = KEY_TILE_FLOATS / padded_depth / CK_PANEL * CK_PANEL;
    step = step > KEY_TILE ? KEY_TILE : step < CK_PANEL ? CK_PANEL : step;
    for (size_t tile = 0; tile < tokens; tile += step) {
        size_t left = tokens - tile < step ? tokens - tile : step;
        size_t padded = (left + CK_PANEL - 1) / CK_PANEL * CK_PANEL;
        const float *v = values + tile * padded_depth;
        for (size_t i = 0; i < rows; i += 6) {
            size_t group = rows - i < 6 ? rows - i : 6;
            const float *x = q + i * padded_depth;
            for (size_t j = 0; j < padded; j += CK_PANEL)
                multiply_tile(group, 2, x, ld, keys + (tile + j) * padded_depth, CK_PANEL, scores + j, KEY_TILE, padded_depth, 0);
            for (size_t r = 0; r < group && (causal_from >= 0 || left < padded); r++) {
                size_t visible = left;
                if (causal_from >= 0) {
                    size_t last = (size_t)causal_from + i + r + 1;
                    visible = last <= tile ? 0 : (last - tile < left ? last - tile : left);
                }
                for (size_t j = visible; j < padded; j++) scores[r * KEY_TILE + j] = -3e38f;
            }
            float *y = o + i * padded_depth;
            soften(scores, group, padded, y, padded_depth, maxima + i, sums + i);
            size_t c = 0;
            for (; c + 16 <= padded_depth; c += 16) multiply_tile(group, 2, scores, KEY_TILE, v + c, ld, y + c, ld, padded, 1);
            if (c < padded_depth) multiply_tile(group, 1, scores, KEY_TILE, v + c, ld, y + c, ld, padded, 1);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        vf inverse = splat(1.0f / sums[r]);
        for (size_t i = 0; i < depth; i += 8)
            store_part(output + r * ldo + i, load(o + r * padded_depth + i) * inverse, depth - i);
    }
}
