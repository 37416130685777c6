#define _GNU_SOURCE
#include "csandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_ARCHITECTURE

// clang-format off

// What is refused whatever the arguments are.
static const int refused[] = {
    __NR_execve, __NR_execveat,
#ifdef __NR_fork
    __NR_fork, __NR_vfork,
#endif
    // Other processes.
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_kcmp, __NR_tkill, __NR_rt_sigqueueinfo,
    __NR_rt_tgsigqueueinfo,
    // What has been a way out of sandboxes, and what no image needs.
    __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_keyctl, __NR_add_key, __NR_request_key, __NR_unshare,
    __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_init_module, __NR_finit_module,
    __NR_delete_module, __NR_kexec_load, __NR_reboot, __NR_swapon, __NR_swapoff, __NR_personality, __NR_acct,
    __NR_quotactl, __NR_open_by_handle_at, __NR_name_to_handle_at, __NR_memfd_create,
#ifdef __NR_io_uring_setup
    __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register,
#endif
#ifdef __NR_pidfd_open
    __NR_pidfd_open, __NR_pidfd_send_signal,
#endif
#ifdef __NR_pidfd_getfd
    __NR_pidfd_getfd,
#endif
};

static const int network[] = {
    __NR_socket, __NR_socketpair, __NR_connect, __NR_bind, __NR_listen, __NR_accept, __NR_accept4, __NR_sendto,
    __NR_sendmsg, __NR_sendmmsg,
};

// clang-format on

enum { argument_size = 8, capacity = 256 };

struct program {
    struct sock_filter filter[capacity];
    unsigned short length;
};

static void add(struct program *program, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t value) {
    program->filter[program->length++] = (struct sock_filter){code, if_true, if_false, value};
}

static void load(struct program *program, size_t offset) {
    add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(struct program *program, uint32_t value) { add(program, BPF_RET | BPF_K, 0, 0, value); }

static void refuse(struct program *program, int code) { answer(program, SECCOMP_RET_ERRNO | (uint32_t)code); }

// The lower half of an argument; the offsets are those of a little-endian machine.
static size_t argument(int index) { return offsetof(struct seccomp_data, args) + (size_t)index * argument_size; }

// Refuses one call; the number is loaded.
static void refuse_call(struct program *program, int number, int code) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)number);
    refuse(program, code);
}

// Refuses one call if its argument equals `value`, or if it does not.
static void refuse_if(struct program *program, int number, int index, uint32_t value, bool equal) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)number);
    load(program, argument(index));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, equal ? 0 : 1, equal ? 1 : 0, value);
    refuse(program, EPERM);
    load(program, offsetof(struct seccomp_data, nr));
}

int csandbox_restrict_calls(bool allows_network) {
    struct program program = {.length = 0};
    load(&program, offsetof(struct seccomp_data, arch));
    add(&program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, THIS_ARCHITECTURE);
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    // The same calls under other numbers.
    add(&program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);
    refuse(&program, EPERM);
#endif
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) refuse_call(&program, refused[i], EPERM);
    if (!allows_network) {
        for (size_t i = 0; i < sizeof network / sizeof *network; i++) refuse_call(&program, network[i], EPERM);
    }
    // glibc falls back to clone, whose flags can be seen: threads, but no processes.
#ifdef __NR_clone3
    refuse_call(&program, __NR_clone3, ENOSYS);
#endif
    add(&program, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, __NR_clone);
    load(&program, argument(0));
    add(&program, BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_THREAD);
    refuse(&program, EPERM);
    load(&program, offsetof(struct seccomp_data, nr));
    // Signals to this process alone.
    const uint32_t self = (uint32_t)getpid();
    refuse_if(&program, __NR_kill, 0, self, false);
    refuse_if(&program, __NR_tgkill, 0, self, false);
    // Characters put into a terminal's input become commands of the shell behind this program.
    refuse_if(&program, __NR_ioctl, 1, TIOCSTI, true);
    refuse_if(&program, __NR_ioctl, 1, TIOCLINUX, true);
    answer(&program, SECCOMP_RET_ALLOW);

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    struct sock_fprog filter = {program.length, program.filter};
    if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0) return 1;
    return errno == ENOSYS || errno == EINVAL ? 0 : -1;
}

#else

int csandbox_restrict_calls(bool allows_network) {
    (void)allows_network;
    return 0;
}

#endif
