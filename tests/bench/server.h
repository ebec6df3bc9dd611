/*
 * server.h - the smallest HTTP server that serves a bot at full speed.
 *
 * Written for measuring: raw epoll, one read and one write a request, so that
 * the load server takes as little as possible from the machine that the
 * measured bot runs on. HTTP/1.1 with keep-alive, pipelining, Content-Length
 * and chunked bodies; no TLS, no limits: it trusts the other side.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "base/buf.h"

struct conn;

struct request {
    struct slice method, path, query; /* query without the '?' */
    struct slice type;                /* Content-Type, or none */
    struct slice body;
};

struct server {
    /* A request has arrived; valid during the call. It must be answered by
     * conn_answer(), now or later; until then c reads nothing more. */
    void (*request)(struct conn *c, const struct request *r, void *arg);
    /* c is gone: forget it. Only called for one that waits for its answer. */
    void (*closed)(struct conn *c, void *arg);
    /* After every turn, and when the time it named last has come. Returns the
     * next time it wants to be called, in ns as now_ns(), or INT64_MAX. */
    int64_t (*tick)(int64_t now, void *arg);
    void *arg;

    unsigned accepted; /* connections so far */
    bool stop;         /* server_run() returns after this turn */
    /* private */
    int epoll, listener;
    struct conn *conns, *closing;
};

int64_t now_ns(void); /* monotonic */

/* Listen on 127.0.0.1; port 0: any. Returns the port, or -1 with errno. */
int server_listen(struct server *s, int port);
void server_run(struct server *s);

/* Answer with a JSON body, which is copied. */
void conn_answer(struct conn *c, int status, struct slice body);

/* Prepare the answer but keep it back until conn_release(). */
void conn_prepare(struct conn *c, int status, struct slice body);
void conn_release(struct conn *c);

#endif
