// One table an instruction set.
#ifndef CK_DISPATCH_H
#define CK_DISPATCH_H
#include "ckernels.h"
extern const ck_kernels kernels_baseline;
extern const ck_kernels kernels_avx2;
extern const ck_kernels kernels_avx512;
extern const ck_kernels kernels_avx512bf16;
extern const ck_kernels kernels_neon;
#endif
