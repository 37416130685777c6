// What the decoders and encoders share whose libraries are opened when the program runs.
//
// Their interfaces are declared by hand, so that nothing is needed to build, and no more of them than is called. Only
// versions whose declarations were compared are opened.

#ifndef LIBRARY_H
#define LIBRARY_H

#include "cimagecodecs.h"

#include <dlfcn.h>
#include <stdio.h>

/// A function that a library must have, and where its address goes.
typedef struct {
    const char *name;
    void *address;  // of a pointer to a function
} library_symbol;

/// Opens a library and finds all of its functions; false when it or one of them is missing.
static inline bool open_library(const char *file, const library_symbol *symbols, size_t count) {
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return false;
    for (size_t i = 0; i < count; i++) {
        void *found = dlsym(handle, symbols[i].name);
        if (!found) {
            dlclose(handle);
            return false;
        }
        *(void **)symbols[i].address = found;
    }
    return true;
}

static inline void set_message(char message[CIMAGE_MESSAGE_SIZE], const char *text) {
    snprintf(message, CIMAGE_MESSAGE_SIZE, "%s", text);
}

#endif
