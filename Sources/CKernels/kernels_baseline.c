// The kernels without any intrinsics, in what the compiler targets without further flags: SSE2 on x86-64.
#include "ckernels.h"
#include "dispatch.h"

#define NAME(x) x##_baseline
#define SET "baseline"
#include "body/all.h"
