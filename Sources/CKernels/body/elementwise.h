// Loops over rows of channels: epilogues, norms, activations. The last vector of a row may be a part of one.
#define COLUMNS(n) for (size_t j = 0; j < (n); j += W)

INLINE vf finished(vf x, const ck_epilogue *e, const float *residual, size_t j, size_t left,
                   const ck_activation activation) {
    if (e->bias) x = x + load_part(e->bias + j, left);
    x = activated(x, activation);
    if (residual) x = x + load_part(residual + j, left);
    return x;
}

INLINE void finish_rows(float *c, ptrdiff_t ldc, ptrdiff_t ldr, size_t rows, size_t columns, const ck_epilogue *e,
                        const ck_activation activation) {
    for (size_t r = 0; r < rows; r++) {
        float *row = c + (ptrdiff_t)r * ldc;
        const float *residual = e->residual ? e->residual + (ptrdiff_t)r * ldr : NULL;
        COLUMNS(columns)
            store_part(row + j, finished(load_part(row + j, columns - j), e, residual, j, columns - j, activation),
                       columns - j);
    }
}

static void NAME(finish)(float *c, ptrdiff_t ldc, ptrdiff_t ldr, size_t rows, size_t columns, const ck_epilogue *e) {
    switch (e->activation) {
    case CK_SILU: finish_rows(c, ldc, ldr, rows, columns, e, CK_SILU); break;
    case CK_QUICK_GELU: finish_rows(c, ldc, ldr, rows, columns, e, CK_QUICK_GELU); break;
    case CK_GELU: finish_rows(c, ldc, ldr, rows, columns, e, CK_GELU); break;
    case CK_RELU: finish_rows(c, ldc, ldr, rows, columns, e, CK_RELU); break;
    default: finish_rows(c, ldc, ldr, rows, columns, e, CK_NONE);
    }
}

static void NAME(gate)(float *c, ptrdiff_t ldc, const float *gates, ptrdiff_t ldg, size_t rows, size_t columns,
                       const float *bias, const float *gate_bias) {
    for (size_t r = 0; r < rows; r++) {
        float *row = c + (ptrdiff_t)r * ldc;
        const float *gate = gates + (ptrdiff_t)r * ldg;
        COLUMNS(columns) {
            size_t left = columns - j;
            vf x = load_part(row + j, left), g = load_part(gate + j, left);
            if (bias) x = x + load_part(bias + j, left);
            if (gate_bias) g = g + load_part(gate_bias + j, left);
            store_part(row + j, x * gelu_vf(g), left);
        }
    }
}

INLINE void affine_rows(const float *x, size_t ldx, float *y, size_t ldy, size_t rows, size_t columns,
                        const float *scale, const float *shift, const ck_activation activation, ptrdiff_t ahead) {
    for (size_t r = 0; r < rows; r++)
        COLUMNS(columns) {
            size_t left = columns - j;
            __builtin_prefetch(x + r * ldx + j + ahead);
            vf v = load_part(x + r * ldx + j, left) * load_part(scale + j, left) + load_part(shift + j, left);
            store_part(y + r * ldy + j, activated(v, activation), left);
        }
}

static void NAME(affine)(const float *x, size_t ldx, float *y, size_t ldy, size_t rows, size_t columns,
                         const float *scale, const float *shift, ck_activation activation, ptrdiff_t ahead) {
    if (activation == CK_SILU)
        affine_rows(x, ldx, y, ldy, rows, columns, scale, shift, CK_SILU, ahead);
    else if (activation == CK_NONE)
        affine_rows(x, ldx, y, ldy, rows, columns, scale, shift, CK_NONE, ahead);
    else
        affine_rows(x, ldx, y, ldy, rows, columns, scale, shift, activation, ahead);
}

typedef double vd __attribute__((vector_size(4 * W)));
typedef double vd_unaligned __attribute__((vector_size(4 * W), aligned(8), may_alias));
typedef float vh __attribute__((vector_size(2 * W)));
typedef float vh_unaligned __attribute__((vector_size(2 * W), aligned(4), may_alias));

static void NAME(column_sums)(const float *x, size_t ldx, size_t rows, size_t columns, double *sums, double *squares) {
    size_t j = 0;
    for (; j + 2 * W <= columns; j += 2 * W) {
        vd s[4], q[4];
        for (int i = 0; i < 4; i++)
            s[i] = *(vd_unaligned *)(sums + j + W / 2 * i), q[i] = *(vd_unaligned *)(squares + j + W / 2 * i);
        for (size_t r = 0; r < rows; r++)
            for (int i = 0; i < 4; i++) {
                vd v = __builtin_convertvector(*(const vh_unaligned *)(x + r * ldx + j + W / 2 * i), vd);
                s[i] = s[i] + v;
                q[i] = v * v + q[i];
            }
        for (int i = 0; i < 4; i++)
            *(vd_unaligned *)(sums + j + W / 2 * i) = s[i], *(vd_unaligned *)(squares + j + W / 2 * i) = q[i];
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = j; i < columns; i++) {
            double v = x[r * ldx + i];
            sums[i] += v;
            squares[i] += v * v;
        }
}

static void NAME(layer_norm)(const float *x, float *y, size_t rows, size_t columns, const float *weight,
                             const float *bias, float epsilon) {
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        vf total = splat(0);
        COLUMNS(columns) total = total + load_part(x + j, columns - j);
        float mean = sum_of(total) / (float)columns;
        vf squares = splat(0);
        size_t whole = columns / W * W;
        COLUMNS(whole) {
            vf d = load(x + j) - splat(mean);
            squares = d * d + squares;
        }
        float sum = sum_of(squares);
        for (size_t j = whole; j < columns; j++) sum += (x[j] - mean) * (x[j] - mean);
        float inverse = 1.0f / sqrtf(sum / (float)columns + epsilon);
        COLUMNS(columns) {
            size_t left = columns - j;
            vf d = (load_part(x + j, left) - splat(mean)) * splat(inverse);
            store_part(y + j, d * load_part(weight + j, left) + load_part(bias + j, left), left);
        }
    }
}

static void NAME(activate)(const float *x, float *y, size_t count, ck_activation activation) {
    COLUMNS(count) store_part(y + j, activated(load_part(x + j, count - j), activation), count - j);
}

static void NAME(add)(const float *a, const float *b, float *y, size_t count) {
    COLUMNS(count) store_part(y + j, load_part(a + j, count - j) + load_part(b + j, count - j), count - j);
}

static void NAME(upcast)(const uint16_t *halves, float *y, size_t count) {
    size_t whole = count / W * W;
    COLUMNS(whole) store(y + j, load_half(halves + j));
    for (size_t j = whole; j < count; j++) y[j] = ck_half_to_float(halves[j]);
}
