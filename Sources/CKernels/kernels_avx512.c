// The kernels for processors with AVX-512 F, BW, DQ and VL (Intel servers since Skylake, AMD since Zen 4).
#if defined(__x86_64__)
#include "ckernels.h"
#include "dispatch.h"
#include <immintrin.h>

#define NAME(x) x##_avx512
#define CK_AVX2 1
#define CK_AVX512 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "vector.h"
#include "body/gemm.h"
#include "body/elementwise.h"
#include "body/strassen.h"
#include "body/winograd.h"
#include "body/attention.h"
#pragma clang attribute pop

const ck_kernels kernels_avx512 = {
    .name = "avx512",
    .gemm = gemm_avx512,
    .finish = finish_avx512,
    .gate = gate_avx512,
    .strassen_rows = strassen_rows_avx512,
    .strassen_panels = strassen_panels_avx512,
    .strassen_sums = strassen_sums_avx512,
    .matvec = matvec_avx512,
    .pack = pack_avx512,
    .pack_convolution = pack_convolution_avx512,
    .winograd_weights = winograd_weights_avx512,
    .winograd_input = winograd_input_avx512,
    .winograd_output = winograd_output_avx512,
    .affine = affine_avx512,
    .column_sums = column_sums_avx512,
    .layer_norm = layer_norm_avx512,
    .activate = activate_avx512,
    .add = add_avx512,
    .attention = attention_avx512,
};
#endif
