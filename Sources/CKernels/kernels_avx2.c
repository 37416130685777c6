// The kernels for processors with AVX2, FMA and F16C (Intel since Haswell, AMD since Excavator).
#if defined(__x86_64__)
#include "ckernels.h"
#include "dispatch.h"
#include <immintrin.h>

#define NAME(x) x##_avx2
#define CK_AVX2 1
#define CK_AVX512 0
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vector.h"
#include "body/gemm.h"
#include "body/elementwise.h"
#include "body/strassen.h"
#include "body/winograd.h"
#include "body/attention.h"
#pragma clang attribute pop

const ck_kernels kernels_avx2 = {
    .name = "avx2",
    .gemm = gemm_avx2,
    .finish = finish_avx2,
    .gate = gate_avx2,
    .strassen_rows = strassen_rows_avx2,
    .strassen_panels = strassen_panels_avx2,
    .strassen_sums = strassen_sums_avx2,
    .matvec = matvec_avx2,
    .pack = pack_avx2,
    .pack_convolution = pack_convolution_avx2,
    .winograd_weights = winograd_weights_avx2,
    .winograd_input = winograd_input_avx2,
    .winograd_output = winograd_output_avx2,
    .affine = affine_avx2,
    .column_sums = column_sums_avx2,
    .layer_norm = layer_norm_avx2,
    .activate = activate_avx2,
    .add = add_avx2,
    .attention = attention_avx2,
};
#endif
