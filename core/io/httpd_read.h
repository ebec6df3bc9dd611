/*
 * httpd_read.h - one HTTP/1.x request, read piece by piece (RFC 9112).
 *
 * Strict where two programs could understand a request differently: a length
 * and chunks at once, a folded or a nameless header, a bare line feed are 400.
 * Knows no sockets. For io/httpd.c and tests only.
 */
#ifndef IO_HTTPD_READ_H
#define IO_HTTPD_READ_H

#include "base/buf.h"

struct httpd_header {
    const char *name, *value;
};

enum httpd_read_state {
    HTTPD_READ_HEAD,
    HTTPD_READ_BODY,
    HTTPD_READ_CHUNK_SIZE,
    HTTPD_READ_CHUNK,
    HTTPD_READ_CHUNK_END,
    HTTPD_READ_TRAILER,
    HTTPD_READ_COMPLETE,
    HTTPD_READ_REFUSED,
};

struct httpd_reader {
    enum httpd_read_state state;
    size_t head_max, body_max; /* bytes; set by the owner */
    int status;                /* when REFUSED: 400, 413, 431, 501 or 505 */
    /* valid once the head is complete; all point into head */
    const char *method, *path, *query;
    struct httpd_header *headers;
    size_t nheaders;
    bool keep_alive;      /* the client can send another one after this */
    bool expect_continue; /* it waits for a word before it sends the body */
    int minor;            /* HTTP/1.minor */
    struct buf head, body;
    /* private */
    size_t left;   /* of the body or of this chunk */
    size_t looked; /* of head, for its end */
    struct buf line;
};

void httpd_reader_init(struct httpd_reader *r, size_t head_max,
                       size_t body_max);
void httpd_reader_release(struct httpd_reader *r);

/*
 * Read from n bytes; returns how many were taken. It stops when the head is
 * complete (so that the owner can refuse before the body), and at the end of
 * the request, COMPLETE or REFUSED; otherwise it takes all.
 */
size_t httpd_read(struct httpd_reader *r, const char *p, size_t n);

/* Case does not count; NULL: there is none. The first, if there are several. */
const char *httpd_reader_header(const struct httpd_reader *r, const char *name);

#endif
