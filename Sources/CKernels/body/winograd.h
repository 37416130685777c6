// Winograd's F(4x4, 3x3) (Lavin & Gray 2016): 36 multiplications where the direct algorithm takes 144.
//
// The polynomials are evaluated at 0, p, -p, 2 p, -2 p and infinity: with p = 1 for float32, and for products of
// bfloat16 with p = 3/4, where the error is half as large (of a convolution of white noise, 1.2 % instead of 2.6 %).
#define POINT(pairs) ((pairs) ? 0.75f : 1.0f)

INLINE void input_1d(const float p, const vf d[6], vf o[6]) {
    const vf four = splat(4 * p * p), five = splat(5 * p * p), two = splat(2 * p), one = splat(p),
             square = splat(p * p);
    vf a = d[4] - four * d[2], b = one * (d[3] - four * d[1]);
    vf c = d[4] - square * d[2], e = two * (d[3] - square * d[1]);
    o[0] = splat(4 * p * p * p * p) * d[0] + (d[4] - five * d[2]);
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = splat(4 * p * p * p * p) * d[1] + (d[5] - five * d[3]);
}

// One tile of up to W channels.
INLINE void input_tile(const int pairs, const float *strip, size_t row, size_t pixel, float *v, size_t position_stride,
                       const size_t channels) {
    const float p = POINT(pairs);
    vf columns[6][6];
    for (size_t x = 0; x < 6; x++) {
        vf d[6], o[6];
        for (size_t y = 0; y < 6; y++) d[y] = load_part(strip + y * row + x * pixel, channels);
        input_1d(p, d, o);
        for (int y = 0; y < 6; y++) columns[y][x] = o[y];
    }
    for (size_t y = 0; y < 6; y++) {
        vf o[6];
        input_1d(p, columns[y], o);
        for (size_t x = 0; x < 6; x++) {
            float *to = v + (6 * y + x) * position_stride;
            if (pairs)
                store_bfloat16(to, o[x], channels);
            else
                store_part(to, o[x], channels);
        }
    }
}

INLINE void input_tiles(const int pairs, const float *strip, size_t strip_width, size_t strip_channels, size_t tiles,
                        size_t channels, float *v, size_t ldv, size_t position_stride) {
    const size_t row = strip_width * strip_channels, whole = channels / W * W, values = pairs ? 2 : 1;
    for (size_t t = 0; t < tiles; t++, strip += 4 * strip_channels, v += ldv) {
        for (size_t c = 0; c < whole; c += W)
            input_tile(pairs, strip + c, row, strip_channels, v + c / values, position_stride, W);
        if (whole < channels)
            input_tile(pairs, strip + whole, row, strip_channels, v + whole / values, position_stride,
                       channels - whole);
    }
}

static void NAME(winograd_input)(int pairs, const float *strip, size_t strip_width, size_t strip_channels, size_t tiles,
                                 size_t channels, float *v, size_t ldv, size_t position_stride) {
    if (pairs)
        input_tiles(1, strip, strip_width, strip_channels, tiles, channels, v, ldv, position_stride);
    else
        input_tiles(0, strip, strip_width, strip_channels, tiles, channels, v, ldv, position_stride);
}

INLINE void output_1d(const float p, const vf m[6], vf o[4]) {
    vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    o[0] = m[0] + a + c;
    o[1] = splat(p) * (b + splat(2) * d);
    o[2] = splat(p * p) * (a + splat(4) * c);
    o[3] = splat(p * p * p) * (b + splat(8) * d) + m[5];
}

INLINE void output_tile(const float p, const float *m, size_t position_stride, float *y, size_t row_stride,
                        size_t pixel_stride, size_t height, size_t width, const float *bias, const float *residual,
                        const size_t channels) {
    vf rows[4][6];
    for (size_t x = 0; x < 6; x++) {
        vf d[6], o[4];
        for (size_t i = 0; i < 6; i++) d[i] = load_part(m + (6 * i + x) * position_stride, channels);
        output_1d(p, d, o);
        for (int i = 0; i < 4; i++) rows[i][x] = o[i];
    }
    vf b = bias ? load_part(bias, channels) : splat(0);
    for (size_t i = 0; i < height; i++) {
        vf o[4];
        output_1d(p, rows[i], o);
        size_t at = i * row_stride;
        for (size_t x = 0; x < width; x++, at += pixel_stride) {
            vf value = o[x] + b;
            if (residual) value = value + load_part(residual + at, channels);
            store_part(y + at, value, channels);
        }
    }
}

#define LINE 16  // floats of a cache line
INLINE void output_tiles(const int pairs, const float *m, size_t ldm, size_t position_stride, size_t tiles,
                         size_t channels, float *y, size_t row_stride, size_t pixel_stride, size_t height, size_t width,
                         const ck_epilogue *e) {
    const float p = POINT(pairs);
    for (size_t t = 0; t < tiles; t++)
        for (size_t c = 0; c < channels; c += W) {
            size_t at = 4 * t * pixel_stride + c, left = width - 4 * t < 4 ? width - 4 * t : 4;
            const float *in = m + t * ldm + c, *bias = e->bias ? e->bias + c : NULL;
            const float *residual = e->residual ? e->residual + at : NULL;
            // Lines to be written are read first, too: the next tile but one of so many rows is fetched early enough.
            if (c % LINE == 0)
                for (size_t i = 0; i < height; i++)
                    for (size_t x = 0; x < 4; x++)
                        __builtin_prefetch(y + at + (8 + x) * pixel_stride + i * row_stride, 1);
            if (channels - c >= W)
                output_tile(p, in, position_stride, y + at, row_stride, pixel_stride, height, left, bias, residual, W);
            else
                output_tile(p, in, position_stride, y + at, row_stride, pixel_stride, height, left, bias, residual,
                            channels - c);
        }
}

static void NAME(winograd_output)(int pairs, const float *m, size_t ldm, size_t position_stride, size_t tiles,
                                  size_t channels, float *y, size_t row_stride, size_t pixel_stride, size_t height,
                                  size_t width, const ck_epilogue *e) {
    if (pairs)
        output_tiles(1, m, ldm, position_stride, tiles, channels, y, row_stride, pixel_stride, height, width, e);
    else
        output_tiles(0, m, ldm, position_stride, tiles, channels, y, row_stride, pixel_stride, height, width, e);
}

// Two of the six values of G g, which share what they are made of: 0 and 5, 1 and 2, or 3 and 4.
INLINE void weights_pair(const float p, const int pair, vf a, vf b, vf c, vf *low, vf *high) {
    a = a * splat(1 / (p * p * p * p));
    if (pair == 0) {
        *low = a * splat(0.25f), *high = c;
        return;
    }
    b = b * splat(1 / (p * p * p)), c = c * splat(1 / (p * p));
    vf s = pair == 1 ? (a + c) * splat(-1.0f / 6) : a * splat(1.0f / 24) + c * splat(1.0f / 6);
    vf t = b * splat(pair == 1 ? -1.0f / 6 : 1.0f / 12);
    *low = s + t, *high = s - t;
}
INLINE void weights_row(const float p, const vf g[3], float *to, size_t position_stride) {
    static const unsigned char first[3] = {0, 1, 3}, second[3] = {5, 2, 4};
#pragma clang loop unroll(full)
    for (int pair = 0; pair < 3; pair++) {
        vf low, high;
        weights_pair(p, pair, g[0], g[1], g[2], &low, &high);
        store(to + first[pair] * position_stride, low);
        store(to + second[pair] * position_stride, high);
    }
}
INLINE void weights_rows(const int pairs, const int pair, const float *taps, size_t count, float *low, float *high,
                         size_t position_stride) {
    const float p = POINT(pairs);
    for (size_t c = 0; c < count; c++)
        for (size_t h = 0; h < CK_PANEL; h += W) {
            vf l[3], r[3];
#pragma clang loop unroll(full)
            for (size_t x = 0; x < 3; x++) {
                const float *g = taps + (c * 9 + x) * CK_PANEL + h;
                weights_pair(p, pair, load(g), load(g + 3 * CK_PANEL), load(g + 6 * CK_PANEL), l + x, r + x);
            }
            weights_row(p, l, low + c * CK_PANEL + h, position_stride);
            weights_row(p, r, high + c * CK_PANEL + h, position_stride);
        }
    if (!pairs) return;
    for (size_t x = 0; x < 6; x++) {
        float *l = low + x * position_stride, *h = high + x * position_stride;
        NAME(pair_rows)(l, CK_PANEL, count, CK_PANEL, l, CK_PANEL);
        NAME(pair_rows)(h, CK_PANEL, count, CK_PANEL, h, CK_PANEL);
    }
}

static void NAME(winograd_weights)(int pairs, const float *taps, size_t count, size_t pair, float *low, float *high,
                                   size_t position_stride) {
#define CASE(pairs, pair) \
    case 3 * pairs + pair: weights_rows(pairs, pair, taps, count, low, high, position_stride); break;
    // clang-format off
    switch (3 * (pairs != 0) + pair) {
        CASE(0, 0) CASE(0, 1) CASE(0, 2) CASE(1, 0) CASE(1, 1) CASE(1, 2)
    }
    // clang-format on
#undef CASE
}
