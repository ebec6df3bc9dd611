/*
 * host_http.h - the host's port: requests go to whoever has their path.
 *
 *     /healthz    host_health.c
 *     /metrics    host_metrics.c
 *     the path of WEBHOOK_URL    host_webhook.c
 *
 * Any other path is 404, another method 405. For bot/host*.c only.
 */
#ifndef BOT_HOST_HTTP_H
#define BOT_HOST_HTTP_H

#include "io/httpd.h"

struct host;
struct host_http;

/* Borrowed: static, or as long as the host_http. */
struct host_http_route {
    const char *path;
    bool post; /* takes POST; else GET and HEAD */
    /* Before the body is read: 0, or a status to refuse with. NULL: 0. */
    int (*check)(const struct httpd_request *req, void *arg);
    httpd_handler_fn handler;
    void *arg;
};

/* address: "0.0.0.0" for all. request_s: from a request's first byte to its last.
 * ERR_SYSTEM: the port is taken. */
struct host_http *host_http_open(struct loop *loop, const char *address,
                                 int port, int request_s,
                                 struct err *err) MUST_CHECK;
/* Some 8 at most. */
void host_http_add(struct host_http *http, const struct host_http_route *route);
int host_http_port(const struct host_http *http);
void host_http_free(struct host_http *http); /* NULL is allowed */

/* host_health.c: GET /healthz: 200 while the bot really works, else 503 and what is
 * wrong. */
void host_health_serve(struct host *host, struct host_http *http);

#endif
