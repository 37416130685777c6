// Winograd's F(4x4, 3x3) (Lavin & Gray 2016): 36 multiplications where the direct algorithm takes 144.

INLINE void input_1d(const vf d[6], vf o[6]) {
    const vf four = splat(4), five = splat(5), two = splat(2);
    vf a = d[4] - four * d[2], b = d[3] - four * d[1];
    vf c = d[4] - d[2], e = two * (d[3] - d[1]);
    o[0] = four * d[0] + (d[4] - five * d[2]);
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = four * d[1] + (d[5] - five * d[3]);
}

// One tile of up to W channels.
INLINE void input_tile(const float *strip, size_t row, size_t pixel, float *v, size_t position_stride, const size_t channels) {
    vf columns[6][6];
    for (size_t x = 0; x < 6; x++) {
        vf d[6], o[6];
        for (size_t y = 0; y < 6; y++) d[y] = load_part(strip + y * row + x * pixel, channels);
        input_1d(d, o);
        for (int y = 0; y < 6; y++) columns[y][x] = o[y];
    }
    for (size_t y = 0; y < 6; y++) {
        vf o[6];
        input_1d(columns[y], o);
        for (size_t x = 0; x < 6; x++) store_part(v + (6 * y + x) * position_stride, o[x], channels);
    }
}

static void NAME(winograd_input)(const float *strip, size_t strip_width, size_t strip_channels, size_t tiles, size_t channels,
                                 float *v, size_t ldv, size_t position_stride) {
    const size_t row = strip_width * strip_channels, whole = channels / W * W;
    for (size_t t = 0; t < tiles; t++, strip += 4 * strip_channels, v += ldv) {
        for (size_t c = 0; c < whole; c += W) input_tile(strip + c, row, strip_channels, v + c, position_stride, W);
        if (whole < channels) input_tile(strip + whole, row, strip_channels, v + whole, position_stride, channels - whole);
    }
}

INLINE void output_1d(const vf m[6], vf o[4]) {
    vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    o[0] = m[0] + a + c;
    o[1] = b + splat(2) * d;
    o[2] = a + splat(4) * c;
    o[3] = b + splat(8) * d + m[5];
}

INLINE void output_tile(const float *m, size_t position_stride, float *y, size_t row_stride, size_t pixel_stride, size_t height,
                        size_t width, const float *bias, const float *residual, const size_t channels) {
    vf rows[4][6];
    for (size_t x = 0; x < 6; x++) {
        vf d[6], o[4];
        for (size_t i = 0; i < 6; i++) d[i] = load_part(m + (6 * i + x) * position_stride, channels);
        output_1d(d, o);
        for (int i = 0; i < 4; i++) rows[i][x] = o[i];
    }
    vf b = bias ? load_part(bias, channels) : splat(0);
    for (size_t i = 0; i < height; i++) {
        vf o[4];
        output_1d(rows[i], o);
        size_t at = i * row_stride;
        for (size_t x = 0; x < width; x++, at += pixel_stride) {
            vf value = o[x] + b;
            if (residual) value = value + load_part(residual + at, channels);
            store_part(y + at, value, channels);
        }
    }
}

#define LINE 16  // floats of a cache line
static void NAME(winograd_output)(const float *m, size_t ldm, size_t position_stride, size_t tiles, size_t channels, float *y,
                                  size_t row_stride, size_t pixel_stride, size_t height, size_t width, const ck_epilogue *e) {
    for (size_t t = 0; t < tiles; t++)
        for (size_t c = 0; c < channels; c += W) {
            size_t at = 4 * t * pixel_stride + c, left = width - 4 * t < 4 ? width - 4 * t : 4;
            const float *in = m + t * ldm + c, *bias = e->bias ? e->bias + c : NULL;
            const float *residual = e->residual ? e->residual + at : NULL;
            // Lines to be written are read first, too: the next tile but one of so many rows is fetched early enough.
            if (c % LINE == 0)
                for (size_t i = 0; i < height; i++)
                    for (size_t x = 0; x < 4; x++) __builtin_prefetch(y + at + (8 + x) * pixel_stride + i * row_stride, 1);
            if (channels - c >= W)
                output_tile(in, position_stride, y + at, row_stride, pixel_stride, height, left, bias, residual, W);
            else
                output_tile(in, position_stride, y + at, row_stride, pixel_stride, height, left, bias, residual, channels - c);
        }
}

// Two of the six values of G g, which share what they are made of: 0 and 5, 1 and 2, or 3 and 4.
INLINE void weights_pair(const int pair, vf a, vf b, vf c, vf *low, vf *high) {
    if (pair == 0) {
        *low = a * splat(0.25f), *high = c;
        return;
    }
    vf s = pair == 1 ? (a + c) * splat(-1.0f / 6) : a * splat(1.0f / 24) + c * splat(1.0f / 6);
    vf t = b * splat(pair == 1 ? -1.0f / 6 : 1.0f / 12);
    *low = s + t, *high = s - t;
}
INLINE void weights_row(const vf g[3], float *to, size_t position_stride) {
    static const unsigned char first[3] = {0, 1, 3}, second[3] = {5, 2, 4};
#pragma clang loop unroll(full)
    for (int pair = 0; pair < 3; pair++) {
        vf low, high;
        weights_pair(pair, g[0], g[1], g[2], &low, &high);
        store(to + first[pair] * position_stride, low);
        store(to + second[pair] * position_stride, high);
    }
}
INLINE void weights_rows(const int pair, const float *taps, size_t count, float *low, float *high, size_t position_stride) {
    for (size_t c = 0; c < count; c++)
        for (size_t h = 0; h < CK_PANEL; h += W) {
            vf l[3], r[3];
#pragma clang loop unroll(full)
            for (size_t x = 0; x < 3; x++) {
                const float *g = taps + (c * 9 + x) * CK_PANEL + h;
                weights_pair(pair, load(g), load(g + 3 * CK_PANEL), load(g + 6 * CK_PANEL), l + x, r + x);
            }
            weights_row(l, low + c * CK_PANEL + h, position_stride);
            weights_row(r, high + c * CK_PANEL + h, position_stride);
        }
}

static void NAME(winograd_weights)(const float *taps, size_t count, size_t pair, float *low, float *high, size_t position_stride) {
    switch (pair) {
    case 0: weights_rows(0, taps, count, low, high, position_stride); break;
    case 1: weights_rows(1, taps, count, low, high, position_stride); break;
    default: weights_rows(2, taps, count, low, high, position_stride); break;
    }
}
