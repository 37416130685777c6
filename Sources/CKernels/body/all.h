// One instruction set's kernels: included by each kernels_*.c with
//     NAME(x)             x with the set's name behind it, SET the name itself
//     CK_AVX512, CK_AVX2  whether the set has these (AVX-512 has both), CK_NEON and CK_BF16 likewise
#ifndef CK_BF16
#define CK_BF16 0
#endif
#include "../vector.h"

#include "gemm.h"
#include "pairs.h"
#include "elementwise.h"
#include "strassen.h"
#include "winograd.h"
#include "attention.h"

const ck_kernels NAME(kernels) = {
    .name = SET,
    .gemm = NAME(gemm),
    .gemm_pairs = NAME(gemm_pairs),
    .multiplies_pairs = CK_BF16,
    .pair_columns = NAME(pair_columns),
    .pair_rows = NAME(pair_rows),
    .strassen_rows = NAME(strassen_rows),
    .strassen_panels = NAME(strassen_panels),
    .strassen_sums = NAME(strassen_sums),
    .finish = NAME(finish),
    .gate = NAME(gate),
    .matvec = NAME(matvec),
    .narrow = NAME(narrow),
    .pack = NAME(pack),
    .pack_convolution = NAME(pack_convolution),
    .winograd_weights = NAME(winograd_weights),
    .winograd_input = NAME(winograd_input),
    .winograd_output = NAME(winograd_output),
    .affine = NAME(affine),
    .column_sums = NAME(column_sums),
    .layer_norm = NAME(layer_norm),
    .activate = NAME(activate),
    .add = NAME(add),
    .upcast = NAME(upcast),
    .attention = NAME(attention),
};
