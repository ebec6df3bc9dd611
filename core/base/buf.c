/* buf.c - see buf.h. */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char buf_empty[1] = "";

/* glibc's calloc() goes past the lists of small blocks that malloc() has. */
#define SMALL 1024

void *xalloc(size_t size)
{
    void *p = size > SMALL ? calloc(1, size) : malloc(size ? size : 1);

    if (!p)
        abort();
    if (size > SMALL)
        return p;
    __asm__("" : "+r"(p)); /* else gcc makes a calloc() of the two */
    return memset(p, 0, size);
}

void *xrealloc(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    if (!p)
        abort();
    return p;
}

char *xstrdup(const char *s)
{
    return slice_dup(slice_of(s));
}

char *slice_dup(struct slice s)
{
    char *copy = xrealloc(NULL, s.n + 1);

    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

void buf_init(struct buf *b)
{
    *b = (struct buf)BUF_INIT;
}

void buf_release(struct buf *b)
{
    if (b->cap)
        free(b->data);
    buf_init(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    if (b->cap)
        b->data[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more)
{
    size_t need, cap;

    if (more >= SIZE_MAX / 2 - b->len)
        abort();
    need = b->len + more + 1;
    if (need <= b->cap)
        return;
    cap = b->cap ? b->cap + b->cap / 2 : 64;
    if (cap < need)
        cap = need;
    b->data = xrealloc(b->cap ? b->data : NULL, cap);
    b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    buf_reserve(b, n);
    memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.n);
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_add_int(struct buf *b, int64_t n)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;

    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (n < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    if (n > 0) {
        buf_reserve(b, (size_t)n);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(b, fmt, ap);
    va_end(ap);
}

char *buf_detach(struct buf *b)
{
    char *data;

    buf_reserve(b, 0);
    data = b->data;
    data[b->len] = '\0';
    buf_init(b);
    return data;
}

void buf_move(struct buf *to, struct buf *from)
{
    buf_release(to);
    *to = *from;
    buf_init(from);
}

struct slice buf_slice(const struct buf *b)
{
    return (struct slice){ b->data, b->len };
}

bool buf_add_file(struct buf *b, const char *path, struct err *err)
{
    FILE *f = fopen(path, "rbe");
    size_t n;
    bool ok;

    if (!f)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    do {
        buf_reserve(b, 16384);
        n = fread(b->data + b->len, 1, 16384, f);
        b->len += n;
        b->data[b->len] = '\0';
    } while (n > 0);
    ok =
        !ferror(f) || err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    fclose(f);
    return ok;
}
