#define _GNU_SOURCE  // sched_getaffinity
#include "ckernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct worker {
    ck_pool *pool;
    size_t number;
};

// One job at a time: `generation` announces it, `next` hands out task numbers, `busy` counts the helpers still in it.
struct ck_pool {
    size_t threads, count;
    void *context;
    void (*task)(void *, size_t, size_t);
    atomic_size_t next, busy;
    atomic_uint generation;
    int stopping;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    pthread_t *handles;
    struct worker *workers;
};

size_t ck_processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (size_t)CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (size_t)count : 1;
}

// Jobs follow each other within microseconds in a forward pass: look this often before going to sleep.
enum { SPINS = 4000 };

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(ck_pool *pool, size_t worker) {
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= pool->count) return;
        pool->task(pool->context, index, worker);
    }
}

static void *helper(void *argument) {
    struct worker *self = argument;
    ck_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load_explicit(&pool->generation, memory_order_acquire) == seen; i++)
            relax();
        if (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
            pthread_mutex_lock(&pool->lock);
            while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen)
                pthread_cond_wait(&pool->wake, &pool->lock);
            pthread_mutex_unlock(&pool->lock);
        }
        seen = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (pool->stopping) return NULL;
        work(pool, self->number);
        if (atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void announce(ck_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

ck_pool *ck_pool_create(size_t threads) {
    ck_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->threads = 1;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->handles = calloc(threads, sizeof *pool->handles);
    pool->workers = calloc(threads, sizeof *pool->workers);
    if (!pool->handles || !pool->workers) return pool;
    // A machine that refuses a thread gets fewer: the results do not depend on how many there are.
    for (size_t i = 1; i < threads; i++) {
        pool->workers[i] = (struct worker){pool, i};
        if (pthread_create(&pool->handles[i], NULL, helper, &pool->workers[i]) != 0) break;
        pool->threads++;
    }
    return pool;
}

size_t ck_pool_threads(const ck_pool *pool) { return pool->threads; }

void ck_pool_destroy(ck_pool *pool) {
    pool->stopping = 1;
    announce(pool);
    for (size_t i = 1; i < pool->threads; i++) pthread_join(pool->handles[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    free(pool->handles);
    free(pool->workers);
    free(pool);
}

void ck_pool_run(ck_pool *pool, size_t count, void *context, void (*task)(void *, size_t, size_t)) {
    if (pool->threads == 1 || count < 2) {
        for (size_t i = 0; i < count; i++) task(context, i, 0);
        return;
    }
    pool->count = count;
    pool->context = context;
    pool->task = task;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->busy, pool->threads - 1, memory_order_relaxed);
    announce(pool);
    work(pool, 0);
    for (int i = 0; i < SPINS && atomic_load_explicit(&pool->busy, memory_order_acquire) != 0; i++) relax();
    if (atomic_load_explicit(&pool->busy, memory_order_acquire) != 0) {
        pthread_mutex_lock(&pool->lock);
        while (atomic_load_explicit(&pool->busy, memory_order_acquire) != 0)
            pthread_cond_wait(&pool->done, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
}
