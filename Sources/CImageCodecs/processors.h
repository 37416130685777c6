#ifndef PROCESSORS_H
#define PROCESSORS_H

// The compiler vectorises the loops of functions so marked; with AVX2, chosen by the running processor, they take half
// the time.
#if defined(__x86_64__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#endif
