/*
 * buf.h - growing bytes, and borrowed slices of bytes.
 *
 * A buf owns its memory; data is always NUL-terminated (the NUL is not counted
 * in len), also when empty, so data can be handed to functions that want a C
 * string. A slice owns nothing: it points into memory that lives elsewhere.
 * Running out of memory ends the process (see xalloc).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Memory or abort(); xrealloc(NULL, n) allocates. Free with free(). */
void *xalloc(size_t size); /* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);

struct slice {
    const char *p; /* not NUL-terminated */
    size_t n;
};

#define SLICE_NONE ((struct slice){ NULL, 0 })

/* Inline, so that the length of a literal is known while compiling. */
static inline struct slice slice_of(const char *s) /* a C string */
{
    return (struct slice){ s, strlen(s) };
}

static inline bool slice_eq(struct slice a, const char *s)
{
    return strlen(s) == a.n && (a.n == 0 || memcmp(a.p, s, a.n) == 0);
}

char *slice_dup(struct slice s); /* NUL-terminated copy; free() it */

struct buf {
    char *data;
    size_t len, cap;
};

#define BUF_INIT                                                               \
    {                                                                          \
        buf_empty, 0, 0                                                        \
    }
extern char buf_empty[1]; /* what an empty buf points at */

void buf_init(struct buf *b);
void buf_release(struct buf *b); /* frees; b can be used again */
void buf_reset(struct buf *b);   /* len = 0, memory kept */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t n);
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
char *buf_detach(struct buf *b); /* the memory, now the caller's; b is empty */
void buf_move(struct buf *to, struct buf *from); /* to's old memory is freed */
struct slice buf_slice(const struct buf *b);

/* Append a whole file. ERR_SYSTEM with the path and the reason. */
bool buf_add_file(struct buf *b, const char *path, struct err *err) MUST_CHECK;

#endif
