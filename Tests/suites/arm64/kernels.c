// Every kernel of every set that runs here, on random shapes, beside its definition in double; and the normal values'
// bits. For machines on which the Swift tests would take too long: see run.sh.
#include "ckernels.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ck_kernels *kernels;
static int failures;

static uint64_t state = 1;
static uint64_t next(void) {  // SplitMix64
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}
static size_t any(size_t low, size_t high) { return low + next() % (high - low + 1); }
static float value(void) { return (float)(next() >> 40) / (1 << 23) - 1; }
static float *values(size_t count) {
    float *p = malloc(count * sizeof *p);
    for (size_t i = 0; i < count; i++) p[i] = value();
    return p;
}

// The largest error of each kernel, in its tolerance.
static double worst;
static double tolerance(size_t length) { return (4 * sqrt((double)length) + 8) * 0x1p-24; }
static void expect(const float *y, const double *reference, size_t count, double limit) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (y[i] - reference[i]) * (y[i] - reference[i]);
        norm += reference[i] * reference[i];
    }
    double share = sqrt(difference / fmax(norm, 1e-300)) / limit;
    if (!(share <= worst)) worst = share;
}
static void expect_same(int same) {
    if (!same) worst = INFINITY;
}
static void report(const char *name) {
    int failed = !(worst <= 1);
    failures += failed;
    printf("%-8s %-18s %5.2f of the tolerance%s\n", kernels->name, name, worst, failed ? "  FAILED" : "");
    worst = 0;
}

static double activated(double x, ck_activation activation) {
    switch (activation) {
    case CK_SILU: return x / (1 + exp(-x));
    case CK_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case CK_GELU: return 0.5 * x * erfc(-x * sqrt(0.5));
    case CK_RELU: return x > 0 ? x : 0;
    default: return x;
    }
}

// A weight [n x k] of values that float16 holds exactly, in either format.
static void *weight(size_t count, int half, float *as_floats) {
    uint16_t *halves = malloc(count * sizeof *halves);
    for (size_t i = 0; i < count; i++) {
        halves[i] = (uint16_t)(next() & 0x83ff) | (uint16_t)any(8, 15) << 10;
        as_floats[i] = ck_half_to_float(halves[i]);
    }
    if (half) return halves;
    free(halves);
    float *floats = malloc(count * sizeof *floats);
    memcpy(floats, as_floats, count * sizeof *floats);
    return floats;
}

static void test_products(void) {
    for (int i = 0; i < 60; i++) {
        size_t m = any(1, 40), n = any(1, 80), k = i % 4 == 0 ? any(300, 900) : any(1, 120);
        size_t lda = k + any(0, 3), ldc = n + any(0, 3), panels = (n + 15) / 16;
        float *a = values(m * lda), *w = values(n * k), *c = values(m * ldc), *packed = values(panels * k * 16);
        void *stored = weight(n * k, i & 1, w);
        float *before = malloc(m * ldc * sizeof *before), *row = values(n);
        memcpy(before, c, m * ldc * sizeof *c);
        for (size_t p = 0; p < panels; p++) kernels->pack(stored, i & 1, n, k, 16 * p, 0, k, packed + p * k * 16);
        int accumulate = i % 3 == 0;
        kernels->gemm(a, (ptrdiff_t)lda, packed, (ptrdiff_t)k * 16, c, (ptrdiff_t)ldc, m, n, k, accumulate);
        double *reference = malloc(m * ldc * sizeof *reference);
        for (size_t r = 0; r < m; r++)
            for (size_t j = 0; j < ldc; j++) {
                double sum = j >= n || accumulate ? before[r * ldc + j] : 0;
                for (size_t p = 0; p < k && j < n; p++) sum += (double)a[r * lda + p] * w[j * k + p];
                reference[r * ldc + j] = sum;
                if (j >= n) expect_same(c[r * ldc + j] == before[r * ldc + j]);
            }
        expect(c, reference, m * ldc, tolerance(k));
        // A row alone.
        size_t r = any(0, m - 1);
        memcpy(row, before + r * ldc, n * sizeof *row);
        kernels->gemm(a + r * lda, (ptrdiff_t)lda, packed, (ptrdiff_t)k * 16, row, (ptrdiff_t)n, 1, n, k, accumulate);
        expect_same(memcmp(row, c + r * ldc, n * sizeof *row) == 0);
        free(a), free(w), free(c), free(packed), free(stored), free(before), free(row), free(reference);
    }
    report("gemm, pack");

    for (int i = 0; i < 40; i++) {
        size_t rows = any(1, 4), n = any(1, 40), k = any(1, 300);
        float *x = values(rows * k), *w = values(n * k), *y = values(rows * n);
        void *stored = weight(n * k, i & 1, w);
        double *reference = malloc(rows * n * sizeof *reference);
        for (size_t r = 0; r < rows * n; r++) {
            reference[r] = 0;
            for (size_t p = 0; p < k; p++) reference[r] += (double)x[r / n * k + p] * w[r % n * k + p];
        }
        kernels->matvec(x, k, stored, i & 1, y, n, rows, n, k);
        expect(y, reference, rows * n, tolerance(k));
        free(x), free(w), free(y), free(stored), free(reference);
    }
    report("matvec");

    for (int i = 0; i < 40; i++) {
        size_t n = any(1, 40), channels = any(1, 20), taps = any(1, 9), k = channels * taps,
               first = any(0, n - 1) / 16 * 16;
        float *w = values(n * k), *panel = values(16 * k);
        void *stored = weight(n * k, i & 1, w);
        kernels->pack_convolution(stored, i & 1, n, channels, taps, first, panel);
        for (size_t t = 0; t < taps; t++)
            for (size_t c = 0; c < channels; c++)
                for (size_t r = 0; r < 16; r++)
                    expect_same(panel[(t * channels + c) * 16 + r] ==
                                (first + r < n ? w[(first + r) * k + c * taps + t] : 0));
        free(w), free(panel), free(stored);
    }
    report("pack_convolution");

    // Every float16 value; a NaN's sign and payload do not matter.
    uint16_t *halves = malloc(0x10000 * sizeof *halves);
    float *panel = values(0x10000), one = 1, *y = values(0x10000), *wide = values(0x10000);
    for (size_t i = 0; i < 0x10000; i++) halves[i] = (uint16_t)i;
    for (size_t p = 0; p < 16; p++) kernels->pack(halves, 1, 16, 0x1000, 0, 0x100 * p, 0x100, panel + p * 0x1000);
    kernels->matvec(&one, 1, halves, 1, y, 0x10000, 1, 0x10000, 1);
    // A count that is no multiple of a vector's.
    kernels->upcast(halves, wide, 5);
    kernels->upcast(halves + 5, wide + 5, 0x10000 - 5);
    for (size_t i = 0; i < 0x10000; i++) {
        int exponent = (int)(i >> 10 & 31), mantissa = (int)(i & 1023);
        float expected = exponent == 31 ? (mantissa ? NAN : INFINITY)
                         : exponent     ? ldexpf(1024 + (float)mantissa, exponent - 25)
                                        : ldexpf((float)mantissa, -24);
        if (i >> 15) expected = -expected;
        float packed = panel[i % 0x1000 * 16 + i / 0x1000], alone = ck_half_to_float((uint16_t)i);
        if (isnan(expected))
            expect_same(isnan(packed) && isnan(alone) && isnan(y[i]) && isnan(wide[i]));
        else
            expect_same(wide[i] == expected && packed == expected && alone == expected &&
                        signbit(packed) == signbit(expected) && y[i] == expected);
    }
    free(halves), free(panel), free(y), free(wide);
    report("float16");
}

static void test_strassen(void) {
    for (int i = 0; i < 10; i++) {
        // A product of 2 rows x 2 k with 2 k x 2 columns by the seven products.
        size_t rows = any(1, 20), k = 16 * any(1, 6), columns = 16 * any(1, 3), lda = 2 * k, ldc = 2 * columns;
        float *a = values(2 * rows * lda), *w = values(2 * columns * 2 * k), *packed = values(2 * columns * 2 * k);
        float *c = values(2 * rows * ldc), *s = values(4 * rows * k), *t = values(4 * k * columns);
        float *products = values(3 * rows * columns);
        for (size_t p = 0; p < 2 * columns / 16; p++)
            kernels->pack(w, 0, 2 * columns, 2 * k, 16 * p, 0, 2 * k, packed + p * 2 * k * 16);
        ptrdiff_t stride = (ptrdiff_t)(2 * k * 16), ts = (ptrdiff_t)(k * columns);
        kernels->strassen_rows(a, (ptrdiff_t)lda, rows, k, s);
        for (size_t p = 0; p < columns / 16; p++)
            kernels->strassen_panels(packed + (ptrdiff_t)p * stride, packed + (ptrdiff_t)(columns / 16 + p) * stride, k,
                                     t + p * k * 16, ts);
        const float *upper = packed, *b12 = packed + columns / 16 * 2 * k * 16;
        const float *s1 = s, *s2 = s + rows * k, *s3 = s + 2 * rows * k, *s4 = s + 3 * rows * k;
        size_t size = rows * columns;
#define PRODUCT(x, ldx, b, bs, y, ldy, add) \
    kernels->gemm(x, (ptrdiff_t)(ldx), b, bs, y, (ptrdiff_t)(ldy), rows, columns, k, add)
        PRODUCT(s2, k, t + ts, (ptrdiff_t)k * 16, products, columns, 0);
        PRODUCT(s1, k, t, (ptrdiff_t)k * 16, products + size, columns, 0);
        PRODUCT(s3, k, t + 2 * ts, (ptrdiff_t)k * 16, products + 2 * size, columns, 0);
        PRODUCT(a + rows * lda + k, lda, t + 3 * ts, (ptrdiff_t)k * 16, c + rows * ldc, ldc, 0);
        PRODUCT(s4, k, b12 + k * 16, stride, c + columns, ldc, 0);
        PRODUCT(a, lda, upper, stride, c, ldc, 0);
        kernels->strassen_sums(c, (ptrdiff_t)ldc, (ptrdiff_t)columns, rows, columns, products);
        PRODUCT(a + k, lda, upper + k * 16, stride, c, ldc, 1);
        double *reference = calloc(2 * rows * ldc, sizeof *reference);
        for (size_t r = 0; r < 2 * rows; r++)
            for (size_t j = 0; j < ldc; j++)
                for (size_t p = 0; p < lda; p++) reference[r * ldc + j] += (double)a[r * lda + p] * w[j * lda + p];
        expect(c, reference, 2 * rows * ldc, tolerance(2 * k));
        free(a), free(w), free(packed), free(c), free(s), free(t), free(products), free(reference);
    }
    report("strassen");
}

// The nearest of bfloat16's values.
static float rounded(float x) {
    union {
        float value;
        uint32_t bits;
    } u = {x};
    u.bits = (u.bits + 0x7fff + (u.bits >> 16 & 1)) & 0xffff0000;
    return u.value;
}

// Products of pairs of bfloat16: the same bits, the second of each pair first.
static void test_pairs(void) {
    for (int i = 0; i < 40; i++) {
        size_t m = any(1, 40), n = any(1, 70), k = any(1, 384), pairs = (k + 1) / 2, panels = (n + 15) / 16;
        float *a = values(m * k), *w = values(n * k), *left = values(m * pairs), *packed = values(panels * k * 16);
        float *c = values(m * n);
        kernels->pair_columns(a, k, m, k, left, pairs);
        for (size_t p = 0; p < panels; p++) {
            float *panel = packed + p * k * 16;
            kernels->pack(w, 0, n, k, 16 * p, 0, k, panel);
            kernels->pair_rows(panel, 16, k, 16, panel, 16);
        }
        kernels->gemm_pairs(left, (ptrdiff_t)pairs, packed, (ptrdiff_t)k * 16, c, (ptrdiff_t)n, m, n, pairs, 0);
        for (size_t at = 0; at < m * n; at++) {
            const float *x = a + at / n * k, *y = w + at % n * k;
            float sum = 0;
            for (size_t p = 0; p < k; p += 2) {
                if (p + 1 < k) sum += rounded(x[p + 1]) * rounded(y[p + 1]);
                sum += rounded(x[p]) * rounded(y[p]);
            }
            expect_same(c[at] == sum);
        }
        free(a), free(w), free(left), free(packed), free(c);
    }
    report("pairs");
}

static void test_convolution(int pairs) {
    for (int i = 0; i < 10; i++) {
        // A row of tiles, with a border of one.
        size_t tiles = any(1, 5), channels = any(1, 20) << pairs, out = any(1, 40), height = any(1, 4),
               width = 4 * tiles - any(0, 3);
        size_t across = 4 * tiles + 2, panels = (out + 15) / 16, row = channels >> pairs, stride = tiles * row,
               products = tiles * out;
        float *strip = values(6 * across * channels), *w = values(out * channels * 9), *bias = values(out);
        float *residual = values(height * width * out), *y = values(height * width * out);
        float *taps = values(channels * 9 * 16), *v = values(36 * stride), *m = values(36 * products),
              *u = values(36 * panels * channels * 16);
        kernels->winograd_input(pairs, strip, across, channels, tiles, channels, v, row, stride);
        static const size_t low[3] = {0, 6, 18}, high[3] = {30, 12, 24};
        const size_t position = panels * channels * 16;
        for (size_t p = 0; p < panels; p++) {
            kernels->pack(w, 0, out, channels * 9, 16 * p, 0, channels * 9, taps);
            for (size_t pair = 0; pair < 3; pair++)
                kernels->winograd_weights(pairs, taps, channels, pair, u + low[pair] * position + p * channels * 16,
                                          u + high[pair] * position + p * channels * 16, position);
        }
        for (size_t q = 0; q < 36; q++)
            (pairs ? kernels->gemm_pairs : kernels->gemm)(v + q * stride, (ptrdiff_t)row, u + q * position,
                                                          (ptrdiff_t)channels * 16, m + q * products, (ptrdiff_t)out,
                                                          tiles, out, row, 0);
        ck_epilogue epilogue = {i % 2 ? bias : NULL, i % 3 ? residual : NULL, CK_NONE};
        kernels->winograd_output(pairs, m, out, products, tiles, out, y, width * out, out, height, width, &epilogue);
        double *reference = calloc(height * width * out, sizeof *reference);
        for (size_t at = 0; at < height * width * out; at++) {
            size_t o = at % out, x = at / out % width, y_row = at / out / width;
            for (size_t t = 0; t < 9; t++)
                for (size_t c = 0; c < channels; c++)
                    reference[at] += (double)strip[((y_row + t / 3) * across + x + t % 3) * channels + c] *
                                     w[(o * channels + c) * 9 + t];
            reference[at] += (i % 2 ? bias[o] : 0) + (i % 3 ? residual[at] : 0);
        }
        expect(y, reference, height * width * out, pairs ? 0.03 : 10 * tolerance(9 * channels));
        free(strip), free(w), free(bias), free(residual), free(y), free(taps), free(v), free(m), free(u),
            free(reference);
    }
    report(pairs ? "winograd of pairs" : "winograd");
}

static void test_rows(void) {
    for (int i = 0; i < 60; i++) {
        size_t rows = any(1, 6), columns = any(1, 70), count = rows * columns;
        ck_activation activation = (ck_activation)(i % 5);
        float *x = values(count), *y = values(count), *z = values(count), *a = values(columns), *b = values(columns);
        double *reference = malloc(count * sizeof *reference), *sums = calloc(2 * columns, sizeof *sums);

        for (size_t j = 0; j < count; j++) reference[j] = activated((double)x[j] + a[j % columns], activation) + z[j];
        memcpy(y, x, count * sizeof *y);
        ck_epilogue epilogue = {a, z, activation};
        kernels->finish(y, (ptrdiff_t)columns, (ptrdiff_t)columns, rows, columns, &epilogue);
        expect(y, reference, count, tolerance(8));

        for (size_t j = 0; j < count; j++)
            reference[j] = ((double)x[j] + a[j % columns]) * activated((double)z[j] + b[j % columns], CK_GELU);
        memcpy(y, x, count * sizeof *y);
        kernels->gate(y, (ptrdiff_t)columns, z, (ptrdiff_t)columns, rows, columns, a, b);
        expect(y, reference, count, tolerance(8));

        for (size_t j = 0; j < count; j++)
            reference[j] = activated((double)x[j] * a[j % columns] + b[j % columns], activation);
        kernels->affine(x, columns, y, columns, rows, columns, a, b, activation, 0);
        expect(y, reference, count, tolerance(8));

        for (size_t j = 0; j < count; j++) reference[j] = activated(8 * (double)x[j], activation), y[j] = 8 * x[j];
        kernels->activate(y, y, count, activation);
        expect(y, reference, count, tolerance(8));

        for (size_t j = 0; j < count; j++) reference[j] = (double)x[j] + z[j];
        kernels->add(x, z, y, count);
        expect(y, reference, count, tolerance(1));

        kernels->column_sums(x, columns, rows, columns, sums, sums + columns);
        for (size_t j = 0; j < columns; j++) {
            double sum = 0, squares = 0;
            for (size_t r = 0; r < rows; r++)
                sum += x[r * columns + j], squares += (double)x[r * columns + j] * x[r * columns + j];
            expect_same(fabs(sums[j] - sum) < 1e-14 && fabs(sums[columns + j] - squares) < 1e-14);
        }

        for (size_t r = 0; r < rows; r++) {
            double mean = 0, variance = 0;
            for (size_t j = 0; j < columns; j++) mean += x[r * columns + j] / (double)columns;
            for (size_t j = 0; j < columns; j++)
                variance += (x[r * columns + j] - mean) * (x[r * columns + j] - mean) / (double)columns;
            for (size_t j = 0; j < columns; j++)
                reference[r * columns + j] = (x[r * columns + j] - mean) / sqrt(variance + 1e-2) * a[j] + b[j];
        }
        kernels->layer_norm(x, y, rows, columns, a, b, 1e-2f);
        expect(y, reference, count, tolerance(columns));
        free(x), free(y), free(z), free(a), free(b), free(reference), free(sums);
    }
    report("loops over rows");
}

static void test_attention(int pairs) {
    for (int i = 0; i < 24; i++) {
        size_t rows = any(1, 70), tokens = i % 3 == 0 ? rows : any(1, 400), depth = any(1, 45) << pairs,
               ld = depth + (any(0, 3) << pairs);
        int causal = i % 6 == 0;
        float *q = values(rows * ld), *k = values(tokens * ld), *v = values(tokens * ld), *o = values(rows * ld);
        float *scratch = values(ck_attention_scratch(rows, depth));
        float *keys = values(tokens * ld), *paired = values((tokens + 1) * ld);
        if (pairs) {
            kernels->pair_columns(k, ld, tokens, ld, keys, ld / 2);
            kernels->pair_rows(v, ld, tokens, ld, paired, ld);
        }
        double *reference = calloc(rows * depth, sizeof *reference), *weights = malloc(tokens * sizeof *weights);
        kernels->attention(pairs, q, ld, pairs ? keys : k, pairs ? paired : v, ld, o, ld, rows, tokens, depth,
                           1 / sqrtf((float)depth), causal ? 0 : -1, scratch);
        for (size_t r = 0; r < rows; r++) {
            double total = 0;
            for (size_t t = 0; t < tokens && (!causal || t <= r); t++) {
                double score = 0;
                for (size_t d = 0; d < depth; d++) score += (double)q[r * ld + d] * k[t * ld + d];
                total += weights[t] = exp(score / sqrt((double)depth));
                for (size_t d = 0; d < depth; d++) reference[r * depth + d] += weights[t] * v[t * ld + d];
            }
            for (size_t d = 0; d < depth; d++) reference[r * depth + d] /= total, o[r * depth + d] = o[r * ld + d];
        }
        expect(o, reference, rows * depth, pairs ? 0x1p-7 : tolerance(tokens) + sqrt((double)depth) * tolerance(depth));
        free(q), free(k), free(v), free(o), free(scratch), free(keys), free(paired), free(reference), free(weights);
    }
    report(pairs ? "attention of pairs" : "attention");
}

static void count_task(void *context, size_t index, size_t worker) {
    if (worker < 4) atomic_fetch_add((atomic_size_t *)context, index + 1);
}

int main(void) {
    const ck_kernels *tables[CK_MOST_SETS];
    size_t count = ck_available(tables);
    for (size_t i = 0; i < count; i++) {
        kernels = tables[i];
        test_products();
        test_strassen();
        test_pairs();
        test_convolution(0);
        test_convolution(1);
        test_rows();
        test_attention(0);
        test_attention(1);
    }

    atomic_size_t sum = 0;
    ck_pool *pool = ck_pool_create(4);
    for (int i = 0; i < 100; i++) ck_pool_run(pool, 100, &sum, count_task);
    printf("%zu threads ran all tasks: %s\n", ck_pool_threads(pool), sum == 100 * 5050 ? "yes" : "no  FAILED");
    failures += sum != 100 * 5050;
    ck_pool_destroy(pool);

    // The same on any processor.
    float normal[1600];
    uint64_t hash = 0xcbf29ce484222325;
    state = 1;
    for (size_t i = 0; i < 1600; i++) normal[i] = (float)(next() >> 40) / (1 << 24);
    ck_normal_blocks(normal, 100);
    for (size_t i = 0; i < sizeof normal; i++) hash = (hash ^ ((unsigned char *)normal)[i]) * 0x100000001b3;
    printf("normal values: %016llx\n", (unsigned long long)hash);
    return failures != 0;
}
