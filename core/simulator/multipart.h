/*
 * multipart.h - multipart/form-data (RFC 7578) of one whole body.
 */
#ifndef SIMULATOR_MULTIPART_H
#define SIMULATOR_MULTIPART_H

#include "base/buf.h"
#include "base/err.h"

#define MULTIPART_PARTS_MAX 200

struct multipart_part {
    char *name;        /* never NULL */
    char *filename;    /* NULL: a plain value, not a file */
    char *type;        /* its Content-Type, or NULL */
    struct slice data; /* points into the body */
};

/* Lives as long as the body it was read from. All zero is a valid empty one. */
struct multipart {
    struct multipart_part *parts; /* in the order of the body */
    size_t n;
};

/* Is this Content-Type (may be NULL) multipart/form-data? */
bool multipart_is(const char *content_type);
/* m is set, and empty on an error (ERR_USAGE: what is wrong with the body). */
bool multipart_parse(struct multipart *m, const char *content_type,
                     struct slice body, struct err *err) MUST_CHECK;
/* The first part of that name, or NULL. */
const struct multipart_part *multipart_find(const struct multipart *m,
                                            const char *name);
void multipart_release(struct multipart *m);

#endif
