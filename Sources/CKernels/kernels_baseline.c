// The kernels in the instruction set that the compiler targets: SSE2 on x86-64, NEON on arm64.
#include "ckernels.h"
#include "dispatch.h"

#define NAME(x) x##_baseline
#define CK_AVX2 0
#define CK_AVX512 0
#include "vector.h"
#include "body/gemm.h"
#include "body/elementwise.h"
#include "body/winograd.h"
#include "body/attention.h"

const ck_kernels kernels_baseline = {
    .name = "baseline",
    .gemm = NULL,
    .finish = finish_baseline,
    .gate = gate_baseline,
    .matvec = matvec_baseline,
    .pack = pack_baseline,
    .pack_convolution = pack_convolution_baseline,
    .winograd_weights = winograd_weights_baseline,
    .winograd_input = winograd_input_baseline,
    .winograd_output = winograd_output_baseline,
    .affine = affine_baseline,
    .column_sums = column_sums_baseline,
    .layer_norm = layer_norm_baseline,
    .activate = activate_baseline,
    .add = add_baseline,
    .attention = attention_baseline,
};
