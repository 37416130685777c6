// Preloaded into the program: makes one call of the C library fail. FAULT names it, as in `write:3:ENOSPC`: the third
// call of `write` fails with ENOSPC; `short` in place of an error makes it read or write one byte. FAULT_LOG names a
// file that gets the number of calls of each function when the process ends.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

// clang-format off
#define FUNCTIONS(X)                                                                                                   \
    X(open)                                                                                                            \
    X(read) X(pread) X(write) X(close) X(fsync) X(rename) X(link) X(unlink) X(mkdir) X(rmdir) X(fstat) X(stat)         \
        X(lstat) X(ftruncate) X(lseek) X(fchmod) X(flock) X(dup) X(pipe) X(mmap) X(socket) X(connect) X(send) X(recv)  \
            X(access) X(opendir) X(readdir) X(readlink) X(realpath) X(getcwd) X(statvfs) X(fcntl) X(poll) X(madvise)   \
                X(sched_getaffinity) X(getrlimit) X(prctl) X(syscall) X(setsockopt) X(getaddrinfo) X(malloc) X(calloc) \
                    X(realloc) X(posix_memalign) X(pthread_create)

enum function {
#define NAME(name) f_##name,
    FUNCTIONS(NAME)
    function_count
};

static const char *const names[] = {
#define TEXT(name) #name,
    FUNCTIONS(TEXT)
};
// clang-format on

static const struct {
    const char *name;
    int code;
} errors[] = {
    {"EIO", EIO},       {"ENOSPC", ENOSPC},       {"EINTR", EINTR},   {"ENOMEM", ENOMEM},
    {"EMFILE", EMFILE}, {"EACCES", EACCES},       {"EAGAIN", EAGAIN}, {"ENOSYS", ENOSYS},
    {"EINVAL", EINVAL}, {"EAI_AGAIN", EAI_AGAIN}, {"short", -1},
};

static atomic_long calls[function_count];
static int chosen = -1, error_code;
static long chosen_call;
static int log_descriptor = -1;
// The loader and the C library call some of these before `start`.
static atomic_bool is_ready;

__attribute__((constructor)) static void start(void) {
    const char *log = getenv("FAULT_LOG"), *fault = getenv("FAULT");
    // Opened now: the program's sandbox will not let it. The number is out of the way of the standard streams.
    if (log) log_descriptor = fcntl(open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666), F_DUPFD_CLOEXEC, 100);
    char name[32], error[16];
    if (fault && sscanf(fault, "%31[^:]:%ld:%15s", name, &chosen_call, error) == 3) {
        for (int i = 0; i < function_count; i++) {
            if (strcmp(names[i], name) == 0) chosen = i;
        }
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
            if (strcmp(errors[i].name, error) == 0) error_code = errors[i].code;
        }
    }
    atomic_store(&is_ready, 1);
}

__attribute__((destructor)) static void finish(void) {
    atomic_store(&is_ready, 0);
    if (log_descriptor < 0) return;
    for (int i = 0; i < function_count; i++) dprintf(log_descriptor, "%s %ld\n", names[i], atomic_load(&calls[i]));
}

// Whether this call of `function` is the one that fails.
static int fails(enum function function) {
    if (!atomic_load(&is_ready)) return 0;
    const long call = atomic_fetch_add(&calls[function], 1) + 1;
    if ((int)function != chosen || call != chosen_call) return 0;
    if (error_code > 0) errno = error_code;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRAP(type, name, parameters, arguments, failure)   \
    type name parameters {                                 \
        static __typeof__(&name) next;                     \
        if (!next) next = NEXT(name);                      \
        return fails(f_##name) ? failure : next arguments; \
    }

// Those that can do a part of their work.
#define WRAP_PARTIAL(name, parameters, arguments, short_arguments)                                       \
    ssize_t name parameters {                                                                            \
        static __typeof__(&name) next;                                                                   \
        if (!next) next = NEXT(name);                                                                    \
        if (!fails(f_##name)) return next arguments;                                                     \
        return error_code < 0 && size > 1 ? next short_arguments : error_code < 0 ? next arguments : -1; \
    }

WRAP_PARTIAL(read, (int fd, void *bytes, size_t size), (fd, bytes, size), (fd, bytes, 1))
WRAP_PARTIAL(write, (int fd, const void *bytes, size_t size), (fd, bytes, size), (fd, bytes, 1))
WRAP_PARTIAL(pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at), (fd, bytes, 1, at))
WRAP_PARTIAL(send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags), (fd, bytes, 1, flags))
WRAP_PARTIAL(recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags), (fd, bytes, 1, flags))
WRAP(int, close, (int fd), (fd), -1)
WRAP(int, fsync, (int fd), (fd), -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), -1)
WRAP(int, link, (const char *from, const char *to), (from, to), -1)
WRAP(int, unlink, (const char *path), (path), -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(int, rmdir, (const char *path), (path), -1)
WRAP(int, fstat, (int fd, struct stat *status), (fd, status), -1)
WRAP(int, stat, (const char *path, struct stat *status), (path, status), -1)
WRAP(int, lstat, (const char *path, struct stat *status), (path, status), -1)
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), -1)
WRAP(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1)
WRAP(int, flock, (int fd, int operation), (fd, operation), -1)
WRAP(int, dup, (int fd), (fd), -1)
WRAP(int, pipe, (int ends[2]), (ends), -1)
WRAP(int, access, (const char *path, int mode), (path, mode), -1)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1)
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1)
WRAP(void *, mmap, (void *at, size_t size, int access, int flags, int fd, off_t offset),
     (at, size, access, flags, fd, offset), MAP_FAILED)

WRAP(ssize_t, readlink, (const char *path, char *target, size_t size), (path, target, size), -1)
WRAP(char *, realpath, (const char *path, char *resolved), (path, resolved), NULL)
WRAP(char *, getcwd, (char *path, size_t size), (path, size), NULL)
WRAP(int, statvfs, (const char *path, struct statvfs *status), (path, status), -1)
WRAP(int, poll, (struct pollfd * files, nfds_t count, int timeout), (files, count, timeout), -1)
WRAP(int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1)
WRAP(int, sched_getaffinity, (pid_t process, size_t size, cpu_set_t *set), (process, size, set), -1)
WRAP(int, getrlimit, (__rlimit_resource_t resource, struct rlimit *limit), (resource, limit), -1)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size),
     -1)
WRAP(int, getaddrinfo, (const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result),
     (node, service, hints, result), error_code)

// Those whose arguments vary: what is not given is passed on as whatever it is.
#define WRAP_VARIADIC(type, name, parameters, last, ...)                                                       \
    type name(parameters, ...) {                                                                               \
        static __typeof__(&name) next;                                                                         \
        if (!next) next = NEXT(name);                                                                          \
        va_list rest;                                                                                          \
        va_start(rest, last);                                                                                  \
        long more[6];                                                                                          \
        for (int i = 0; i < 6; i++) more[i] = va_arg(rest, long);                                              \
        va_end(rest);                                                                                          \
        return fails(f_##name) ? -1 : next(__VA_ARGS__, more[0], more[1], more[2], more[3], more[4], more[5]); \
    }
#define TWO(first, second) first, second

// The sandbox's calls have no function of their own.
WRAP_VARIADIC(long, syscall, long number, number, number)
WRAP_VARIADIC(int, prctl, int option, option, option)
WRAP_VARIADIC(int, fcntl, TWO(int fd, int command), command, fd, command)

static int open_with(const char *symbol, const char *path, int flags, mode_t mode) {
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, symbol);
    return fails(f_open) ? -1 : next(path, flags, mode);
}

#define WRAP_OPEN(name)                                                               \
    int name(const char *path, int flags, ...) {                                      \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                                 \
        return open_with(#name, path, flags, mode);                                   \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

struct dirent;
struct __dirstream;
struct dirent *readdir(struct __dirstream *folder) {
    struct dirent *(*next)(struct __dirstream *) =
        (struct dirent * (*)(struct __dirstream *)) dlsym(RTLD_NEXT, "readdir");
    return fails(f_readdir) ? NULL : next(folder);
}
struct __dirstream *opendir(const char *path) {
    struct __dirstream *(*next)(const char *) = (struct __dirstream * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    return fails(f_opendir) ? NULL : next(path);
}

typedef void *(*thread_body)(void *);
int pthread_create(unsigned long *thread, const void *attributes, thread_body body, void *argument) {
    int (*next)(unsigned long *, const void *, thread_body, void *) =
        (int (*)(unsigned long *, const void *, thread_body, void *))dlsym(RTLD_NEXT, "pthread_create");
    return fails(f_pthread_create) ? error_code : next(thread, attributes, body, argument);
}

// The C library's own names for its allocator: `dlsym` itself allocates.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) { return fails(f_malloc) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails(f_calloc) ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return fails(f_realloc) ? NULL : __libc_realloc(memory, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (fails(f_posix_memalign)) return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}
