// The SIMD inner loops of TensorKernels, built once for each instruction set and chosen at run time.
//
// Every function works on one block and knows nothing of threads; TensorKernels cuts the work into blocks.
// Activations are channels-last float32 rows; "rows" are pixels or tokens, "columns" are channels.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// Columns of one packed panel of a matrix's right-hand side.
#define CK_PANEL 16
// Winograd F(4x4, 3x3): positions of a transformed 6x6 tile.
#define CK_POSITIONS 36

// How a weight's values are stored.
typedef enum { CK_FLOAT32 = 0, CK_FLOAT16 = 1, CK_BLOCKS = 2 } ck_format;

// CK_BLOCK values in a row, whatever the rows of their matrix are: whole numbers times a scale. Rounded to them a
// value moves by at most 1/65534 of the largest of its block: of normal ones an eighth of what it does in float16.
// Rows have a multiple of 8 values.
#define CK_BLOCK 64
typedef struct {
    float scale;
    int16_t values[CK_BLOCK];
} ck_block;

typedef enum { CK_NONE = 0, CK_SILU = 1, CK_QUICK_GELU = 2, CK_GELU = 3, CK_RELU = 4 } ck_activation;

// What is added to a finished block of a matrix product or convolution: each pointer may be NULL.
typedef struct {
    const float *bias;         // [columns]
    const float *residual;     // the result's layout
    ck_activation activation;  // applied after the bias, before the residual
} ck_epilogue;

// One instruction set's kernels.
typedef struct {
    const char *name;

    // result[m x n] (+)= a[m x k] * packed[k x n]. `packed` holds panels of 16 columns, each [k][16], `panel_stride`
    // floats apart; columns past n are never written. A row's values are the same wherever it stands in whichever call.
    void (*gemm)(const float *a, ptrdiff_t lda, const float *packed, ptrdiff_t panel_stride, float *c, ptrdiff_t ldc,
                 size_t m, size_t n, size_t k, int accumulate);
    // The same with pairs of bfloat16 in the place of `a`'s and `packed`'s floats, the first in the lower half: k
    // pairs.
    void (*gemm_pairs)(const float *a, ptrdiff_t lda, const float *packed, ptrdiff_t panel_stride, float *c,
                       ptrdiff_t ldc, size_t m, size_t n, size_t k, int accumulate);
    // Whether an instruction of the processor computes them: without, they only show what it would compute.
    int multiplies_pairs;
    // Rows of `columns` floats as rows of pairs of neighbours, and rows of floats as half as many rows of pairs of a
    // value and that below, which may lie in the same place. Rounded to nearest even; what is odd is paired with 0.
    void (*pair_columns)(const float *x, size_t ldx, size_t rows, size_t columns, float *pairs, size_t ld);
    void (*pair_rows)(const float *x, size_t ldx, size_t rows, size_t columns, float *pairs, size_t ld);
    // Strassen's algorithm around `gemm`: see body/strassen.h.
    void (*strassen_rows)(const float *a, ptrdiff_t lda, size_t rows, size_t k, float *s);
    void (*strassen_panels)(const float *left, const float *right, size_t k, float *t, ptrdiff_t stride);
    void (*strassen_sums)(float *c, ptrdiff_t ldc, ptrdiff_t right, size_t rows, size_t columns, const float *products);
    // Adds bias and residual and applies the activation to a block of rows in place.
    void (*finish)(float *c, ptrdiff_t ldc, ptrdiff_t ld_residual, size_t rows, size_t columns,
                   const ck_epilogue *epilogue);
    // c = c * gelu(gate), exact GELU; biases may be NULL.
    void (*gate)(float *c, ptrdiff_t ldc, const float *gates, ptrdiff_t ld_gates, size_t rows, size_t columns,
                 const float *bias, const float *gate_bias);
    // y[n] = sum_k x[k] * weight[n][k] for `rows` rows of x; for the few-row products that are bound by reading
    // weights.
    void (*matvec)(const float *x, size_t ldx, const void *weight, ck_format format, float *y, size_t ldy, size_t rows,
                   size_t n, size_t k);
    // The blocks of `count` finite values; the last one is filled with zeros.
    void (*narrow)(const float *values, size_t count, ck_block *blocks);

    // Upcasts and packs columns [from, from + count) of rows [first, first + 16) of a [n x k] matrix as one panel
    // [count][16], zeros past row n.
    void (*pack)(const void *weight, ck_format format, size_t n, size_t k, size_t first, size_t from, size_t count,
                 float *panel);
    // The same of all columns for a convolution [n x channels x taps], the panel ordered [taps][channels][16].
    void (*pack_convolution)(const void *weight, ck_format format, size_t n, size_t channels, size_t taps, size_t first,
                             float *panel);
    // Two rows of U = G g G^T for 16 output channels: the rows 0 and 5, 1 and 2, or 3 and 4, as `pair` is 0, 1 or 2.
    // `taps` are [count][3 x 3][16], `low` and `high` [position of the row][count][16], positions `position_stride`
    // apart. With `pairs` the channels are paired, here and in the other transforms, and the positions other ones.
    void (*winograd_weights)(int pairs, const float *taps, size_t count, size_t pair, float *low, float *high,
                             size_t position_stride);
    // V = B^T d B for one row of `tiles` tiles of a padded strip [6][strip_width][strip_channels]:
    // v[position][tile][channel].
    void (*winograd_input)(int pairs, const float *strip, size_t strip_width, size_t strip_channels, size_t tiles,
                           size_t channels, float *v, size_t ldv, size_t position_stride);
    // Y = A^T M A for one row of tiles; writes `height` (at most 4) rows and `width` pixels of the image.
    void (*winograd_output)(int pairs, const float *m, size_t ldm, size_t position_stride, size_t tiles,
                            size_t channels, float *y, size_t row_stride, size_t pixel_stride, size_t height,
                            size_t width, const ck_epilogue *epilogue);

    // y = activation(x * scale + shift) for each of `rows` rows. What lies `ahead` floats from each value read is
    // fetched: it will be read soon, and processors do not guess a step to another row.
    void (*affine)(const float *x, size_t ldx, float *y, size_t ldy, size_t rows, size_t columns, const float *scale,
                   const float *shift, ck_activation activation, ptrdiff_t ahead);
    // Adds each column's sum and sum of squares over `rows` rows to `sums` and `squares`, both double[columns].
    void (*column_sums)(const float *x, size_t ldx, size_t rows, size_t columns, double *sums, double *squares);
    void (*layer_norm)(const float *x, float *y, size_t rows, size_t columns, const float *weight, const float *bias,
                       float epsilon);
    void (*activate)(const float *x, float *y, size_t count, ck_activation activation);
    void (*add)(const float *a, const float *b, float *y, size_t count);
    // y = the float16 values.
    void (*upcast)(const uint16_t *halves, float *y, size_t count);

    // Attention of `rows` queries over all keys with a running maximum and sum; rows of keys and of values lie `ldk`
    // apart, at least `depth` floats each. A query sees the keys up to its own number, `causal_from` for the first row;
    // all if that is negative. `scratch` holds ck_attention_scratch floats. With `pairs` the depth is even, the keys
    // are paired by columns (rows `ldk` / 2 floats apart), the values by rows (`ldk` apart).
    void (*attention)(int pairs, const float *queries, size_t ldq, const float *keys, const float *values, size_t ldk,
                      float *output, size_t ldo, size_t rows, size_t tokens, size_t depth, float scale,
                      ptrdiff_t causal_from, float *scratch);
} ck_kernels;

// Floats of scratch that `attention` needs for blocks of up to `rows` queries.
size_t ck_attention_scratch(size_t rows, size_t depth);

// The kernels that this processor can run, the best first: "avx512", "avx2", "neon", "baseline", the last of which any
// can. Returns how many.
#define CK_MOST_SETS 4
size_t ck_available(const ck_kernels *tables[CK_MOST_SETS]);

float ck_half_to_float(uint16_t half);

// Makes blocks of 16 uniform values in [0, 1) normal ones, in place; the same bits on any processor.
void ck_normal_blocks(float *values, size_t blocks);

// The processors that this process may run on (its affinity mask).
size_t ck_processors(void);

// A pool of threads that run numbered tasks; the caller is one of them.
typedef struct ck_pool ck_pool;
ck_pool *ck_pool_create(size_t threads);
// The threads that it has: fewer than were asked for if the system refused to start so many.
size_t ck_pool_threads(const ck_pool *pool);
void ck_pool_destroy(ck_pool *pool);
// Runs task(context, index, worker) for each index below `count`, worker < threads; returns when all are done.
void ck_pool_run(ck_pool *pool, size_t count, void *context, void (*task)(void *context, size_t index, size_t worker));

#endif
