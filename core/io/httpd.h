/*
 * httpd.h - an HTTP/1.1 server on the event loop.
 *
 * httpd_start() listens; handler is called once for each complete request, on
 * the loop. It answers at once or later, from anywhere on the loop, with
 * exactly one of httpd_reply(), httpd_stream_begin() … httpd_stream_end(), or
 * httpd_drop(). A request whose client has gone away in between must still be
 * answered; the answer goes nowhere. httpd_free() ends all that is pending:
 * requests not yet answered are then no longer valid. Not inside handler.
 *
 * Whatever clients do, memory is bounded: by connections_max requests of at
 * most headers_max and body_max. What can't be taken is answered here and the
 * connection closed: 400, 408 (too slow), 413, 431, 501, 505.
 */
#ifndef IO_HTTPD_H
#define IO_HTTPD_H

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct httpd;
struct httpd_request; /* until it is answered */

typedef void (*httpd_handler_fn)(struct httpd_request *req, void *arg);
typedef void (*httpd_gone_fn)(struct httpd_request *req, void *arg);

struct httpd_options {
    const char *address; /* "127.0.0.1", "0.0.0.0" */
    int port;            /* 0: any free one */
    size_t body_max;     /* bytes; larger: 413. 0: 1 MiB */
    size_t headers_max;  /* bytes of all header lines; 0: 16 KiB */
    /* One more closes the one that is idle for the longest, or else the one
     * whose request is coming in for the longest, or else itself. 0: 256 */
    int connections_max;
    int idle_seconds;    /* a connection with nothing pending; 0: 75 */
    int request_seconds; /* from a request's first byte to its last; 0: 30 */
    /*
     * Asked when the headers are there and the body is not: 0 to go on, or the
     * status to refuse with, so that nobody else's bodies are kept in memory.
     * headers may be set, to those of the refusal. NULL: take all.
     */
    int (*check)(const struct httpd_request *req, const char *const **headers,
                 void *arg);
};

/* ERR_SYSTEM when the port is taken, naming address and port. */
struct httpd *httpd_start(struct loop *loop,
                          const struct httpd_options *options,
                          httpd_handler_fn handler, void *arg,
                          struct err *err) MUST_CHECK;
int httpd_port(const struct httpd *httpd);
int httpd_connections(const struct httpd *httpd); /* open ones */
void httpd_free(struct httpd *httpd);

/* Of a request; borrowed until it is answered. The path is without the query
 * and not decoded, the query is what follows '?', or ""; a header, or NULL. */
const char *httpd_method(const struct httpd_request *req); /* "GET" */
const char *httpd_path(const struct httpd_request *req);
const char *httpd_query(const struct httpd_request *req);
const char *httpd_header(const struct httpd_request *req, const char *name);
/* All of them: number i, from 0 on; false: there are no more. */
bool httpd_header_at(const struct httpd_request *req, size_t i,
                     const char **name, const char **value);
struct slice httpd_body(const struct httpd_request *req);
/* gone is called if the client goes away before the answer; the request is
 * still to be answered. For long polls and streams. */
void httpd_on_gone(struct httpd_request *req, httpd_gone_fn gone, void *arg);

/* headers: pairs of name and value ended by NULL, or NULL; with "Connection",
 * "close" the connection ends after it. body may be anything. */
void httpd_reply(struct httpd_request *req, int status,
                 const char *const *headers, struct slice body);
/* A streamed answer (server-sent events, large files). After stream_end or gone no
 * idle time-out applies while a stream is open. */
void httpd_stream_begin(struct httpd_request *req, int status,
                        const char *const *headers);
void httpd_stream_add(struct httpd_request *req, struct slice bytes);
/* Bytes not sent yet. */
size_t httpd_stream_pending(const struct httpd_request *req);
void httpd_stream_end(struct httpd_request *req);
/* Close the connection without an answer (the simulator's faults). */
void httpd_drop(struct httpd_request *req);

#endif
