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

static void NAME(winograd_output)(const float *m, size_t ldm, size_t position_stride, size_t tiles, size_t channels, float *y,
                                  size_t row_stride, size_t pixel_stride, size_t height, size_t width, const ck_epilogue *e) {
    for (size_t t = 0; t < tiles; t++)
        for (size_t c = 0; c < channels; c += W) {
            size_t at = 4 * t * pixel_stride + c, left = width - 4 * t < 4 ? width - 4 * t : 4;
            const float *in = m + t * ldm + c, *bias = e->bias ? e->bias + c : NULL;
            const float *residual = e->residual ? e->residual + at : NULL;
            if (channels - c >= W)
                output_tile(in, position_stride, y + at, row_stride, pixel_stride, height, left, bias, residual, W);
            else
                output_tile(in, position_stride, y + at, row_stride, pixel_stride, height, left, bias, residual, channels - c);
        }
}

INLINE void weights_1d(vf a, vf b, vf c, vf o[6]) {
    vf s = (a + c) * splat(-1.0f / 6), t = b * splat(1.0f / 6);
    vf u = a * splat(1.0f / 24) + c * splat(1.0f / 6), w = b * splat(1.0f / 12);
    o[0] = a * splat(0.25f);
    o[1] = s - t;
    o[2] = s + t;
    o[3] = u + w;
    o[4] = u - w;
    o[5] = c;
}

static void NAME(winograd_weights)(const void *weight, int half, size_t n, size_t channels, size_t first, size_t from, size_t count,
                                   float *panel, size_t position_stride) {
    for (size_t h = 0; h < CK_PANEL; h += W)
        for (size_t c = 0; c < count; c += 8) {
            vf g[72];  // [channel of 8][tap], over W output channels
            for (size_t i = 0; i < 9; i++) load_transposed(weight, half, n, channels * 9, first + h, (from + c) * 9 + 8 * i, g + 8 * i);
            for (size_t i = 0; i < 8; i++) {
                vf columns[6][3];
                for (int x = 0; x < 3; x++) {
                    vf o[6];
                    weights_1d(g[9 * i + (size_t)x], g[9 * i + 3 + (size_t)x], g[9 * i + 6 + (size_t)x], o);
                    for (int y = 0; y < 6; y++) columns[y][x] = o[y];
                }
                for (int y = 0; y < 6; y++) {
                    vf o[6];
                    weights_1d(columns[y][0], columns[y][1], columns[y][2], o);
                    for (int x = 0; x < 6; x++) store(panel + (size_t)(6 * y + x) * position_stride + (c + i) * CK_PANEL + h, o[x]);
                }
            }
        }
}
