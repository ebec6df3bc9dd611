/* Requests as strangers send them: whatever pieces they come in, they are read
 * alike, and within the limits. The first byte is the size of the pieces. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "io/httpd_read.h"

#define HEAD_MAX 500
#define BODY_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t feed(struct httpd_reader *r, const char *p, size_t n,
                   size_t piece)
{
    size_t at = 0;

    httpd_reader_init(r, HEAD_MAX, BODY_MAX);
    while (at < n && r->state < HTTPD_READ_COMPLETE) {
        size_t m = piece < n - at ? piece : n - at;
        char *copy = slice_dup((struct slice){ p + at, m });
        size_t taken = httpd_read(r, copy, m);

        assert(taken > 0 && taken <= m);
        at += taken;
        free(copy);
    }
    assert(r->head.len <= HEAD_MAX && r->body.len <= BODY_MAX);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct httpd_reader a, b;
    size_t read_a, read_b;

    if (size < 2)
        return 0;
    read_a = feed(&a, (const char *)data + 1, size - 1, size);
    read_b = feed(&b, (const char *)data + 1, size - 1, data[0] % 17 + 1);
    assert(a.state == b.state && a.status == b.status);
    if (a.state == HTTPD_READ_COMPLETE) {
        assert(read_a == read_b && a.nheaders == b.nheaders);
        assert(strcmp(a.method, b.method) == 0 && strcmp(a.path, b.path) == 0);
        assert(a.body.len == b.body.len &&
               memcmp(a.body.data, b.body.data, a.body.len) == 0);
        for (size_t i = 0; i < a.nheaders; i++)
            assert(!strpbrk(a.headers[i].value, "\r\n"));
    }
    httpd_reader_release(&a);
    httpd_reader_release(&b);
    return 0;
}
