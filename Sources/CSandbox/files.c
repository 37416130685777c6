#define _GNU_SOURCE
#include "csandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers and structures of <linux/landlock.h>, which older systems' headers lack in part.
enum {
    sys_create_ruleset = 444,
    sys_add_rule = 445,
    sys_restrict_self = 446,
    create_ruleset_version = 1,
    rule_path_beneath = 1,
};

enum {
    fs_execute = 1 << 0,
    fs_write_file = 1 << 1,
    fs_read_file = 1 << 2,
    fs_read_dir = 1 << 3,
    fs_remove_dir = 1 << 4,
    fs_remove_file = 1 << 5,
    fs_make_char = 1 << 6,
    fs_make_dir = 1 << 7,
    fs_make_reg = 1 << 8,
    fs_make_sock = 1 << 9,
    fs_make_fifo = 1 << 10,
    fs_make_block = 1 << 11,
    fs_make_sym = 1 << 12,
    fs_refer = 1 << 13,     // version 2
    fs_truncate = 1 << 14,  // version 3

    all_reading = fs_read_file | fs_read_dir,
    all_writing = fs_write_file | fs_remove_dir | fs_remove_file | fs_make_char | fs_make_dir | fs_make_reg |
                  fs_make_sock | fs_make_fifo | fs_make_block | fs_make_sym | fs_refer | fs_truncate,
    of_files = fs_write_file | fs_read_file | fs_truncate,

    // What the program itself does: it makes no devices, pipes or links.
    granted_reading = all_reading,
    granted_writing = fs_write_file | fs_remove_dir | fs_remove_file | fs_make_dir | fs_make_reg | fs_truncate,

    net_bind_and_connect = 3,       // version 4, TCP
    scope_sockets_and_signals = 3,  // version 6
};

struct ruleset_attributes {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

struct path_beneath {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

// Allows `access`, as far as it is handled, on what is at `path`. A path that cannot be opened needs no rule, unless it
// is only for want of descriptors or memory.
static int allow(int ruleset, const char *path, uint64_t access) {
    const int target = open(path, O_PATH | O_CLOEXEC);
    if (target < 0) return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
    struct stat status;
    if (fstat(target, &status) == 0 && !S_ISDIR(status.st_mode)) access &= of_files;
    struct path_beneath rule = {access, target};
    const long result = access == 0 ? 0 : syscall(sys_add_rule, ruleset, rule_path_beneath, &rule, 0);
    const int code = errno;
    close(target);
    errno = code;
    return (int)result;
}

int csandbox_restrict_files(const struct csandbox_rule *rules, size_t count, bool restricts_reading,
                            bool allows_network) {
    const int version = (int)syscall(sys_create_ruleset, NULL, 0, create_ruleset_version);
    if (version < 1) return 0;

    struct ruleset_attributes attributes = {fs_execute | all_writing, 0, 0};
    if (restricts_reading) attributes.handled_access_fs |= all_reading;
    if (version < 2) attributes.handled_access_fs &= ~(uint64_t)fs_refer;
    if (version < 3) attributes.handled_access_fs &= ~(uint64_t)fs_truncate;
    if (version >= 4 && !allows_network) attributes.handled_access_net = net_bind_and_connect;
    if (version >= 6) attributes.scoped = scope_sockets_and_signals;
    // Older systems take shorter structures.
    const size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    const int ruleset = (int)syscall(sys_create_ruleset, &attributes, size, 0);
    if (ruleset < 0) return -1;

    int result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (size_t i = 0; i < count && result == 0; i++) {
        uint64_t access = 0;
        if (rules[i].access & CSANDBOX_READ) access |= granted_reading;
        if (rules[i].access & CSANDBOX_WRITE) access |= granted_reading | granted_writing;
        result = allow(ruleset, rules[i].path, access & attributes.handled_access_fs);
    }
    if (result == 0) result = (int)syscall(sys_restrict_self, ruleset, 0);
    const int code = errno;
    close(ruleset);
    errno = code;
    return result == 0 ? version : -1;
}
