// What a process may do from here on, by Linux's Landlock and seccomp. Rules only ever tighten: a second call can take
// away more, and nothing gives back.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// What is allowed on a file, or on a folder and all below it.
enum csandbox_access {
    CSANDBOX_READ = 1,
    // Make, replace and remove files and folders, and read them.
    CSANDBOX_WRITE = 2,
};

struct csandbox_rule {
    const char *path;
    int access;
};

// Forbids what no rule allows: writing, running programs, and if `restricts_reading` opening for reading. Holds for the
// calling thread and those that it starts. Paths that are not there are passed over.
//
// Returns the version of Landlock, 0 where the system has none, -1 with `errno` on failure.
int csandbox_restrict_files(const struct csandbox_rule *rules, size_t count, bool restricts_reading,
                            bool allows_network);

// Forbids all threads of the process to run programs, start processes, look into or signal others, type into the
// terminal, and, unless `allows_network`, to use sockets: such calls fail with EPERM.
//
// Returns 1, 0 where the system has no seccomp, -1 with `errno` on failure.
int csandbox_restrict_calls(bool allows_network);
