/*
 * embedded.h - files compiled into the program (see cmake/embed.cmake).
 */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

#include "base/buf.h"

struct embedded {
    const char *name;       /* the file's name without its folder; NULL ends */
    const char *data, *end; /* *end is a NUL byte */
};

/* The file of that name; SLICE_NONE when there is none. */
struct slice embedded_find(const struct embedded *files, const char *name);

#endif
