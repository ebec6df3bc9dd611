/*
 * httpd.c - see httpd.h: listening, accepting, and who has had too long.
 *
 * Not evhttp (libevent 2.1.12): it has no deadline for a request, no limit of
 * connections, answers 413 to long headers, ends the program when a client
 * pipelines while its reading is switched on, and closes a connection with
 * bytes unread, which takes the answer away from a client that still sends.
 */
#include "io/httpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/httpd_int.h"
#include "io/loop.h"

/* A client that still sends what was refused can read the answer so long. */
#define LINGER_MS 5000
#define SWEEP_MIN_MS 50
#define SWEEP_MAX_MS 1000

/* --- accepting and ending ------------------------------------------------------------ */

/* The one that has been in this state for the longest. */
static struct connection *longest(struct httpd *httpd,
                                  enum connection_state state)
{
    struct connection *c, *found = NULL;

    TAILQ_FOREACH (c, &httpd->connections, link) {
        if (c->state == state && (!found || c->since < found->since))
            found = c;
    }
    return found;
}

static bool make_room(struct httpd *httpd)
{
    static const enum connection_state order[] = { LINGERING, IDLE, READING,
                                                   CLOSING };

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct connection *c = longest(httpd, order[i]);

        if (c) {
            connection_close(c);
            return true;
        }
    }
    return false;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *addr, int len, void *arg)
{
    struct httpd *httpd = arg;

    (void)listener, (void)addr, (void)len;
    if (httpd->nconnections >= httpd->options.connections_max &&
        !make_room(httpd))
        evutil_closesocket(fd);
    else
        connection_open(httpd, fd);
}

/* Out of descriptors, most likely: who is idle makes room, and the rest is
 * accepted a moment later. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct httpd *httpd = arg;

    make_room(httpd);
    httpd->deaf = true;
    evconnlistener_disable(listener);
}

static bool is_overdue(struct connection *c, int64_t now)
{
    const struct httpd_options *o = &c->httpd->options;
    size_t n = connection_unsent(c);

    if (n < c->unsent) /* the client takes what it gets, if slowly */
        c->since = now;
    c->unsent = n;
    switch (c->state) {
    case IDLE:
    case CLOSING: return now - c->since > (int64_t)o->idle_seconds * 1000;
    case READING: return now - c->since > (int64_t)o->request_seconds * 1000;
    case LINGERING: return now - c->since > LINGER_MS;
    case HANDLING: break;
    }
    return false;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct httpd *httpd = arg;
    struct connection *c, *next;
    int64_t now = loop_real_ms();

    (void)fd, (void)what;
    if (httpd->deaf)
        evconnlistener_enable(httpd->listener);
    httpd->deaf = false;
    for (c = TAILQ_FIRST(&httpd->connections); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!is_overdue(c, now))
            continue;
        if (c->state == READING)
            httpd_refuse(c, 408, NULL);
        else
            connection_close(c);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    connections_resume(arg);
}

/* --- the server ------------------------------------------------------------ */

static struct evconnlistener *listen_at(struct httpd *httpd, struct err *err)
{
    const struct httpd_options *o = &httpd->options;
    struct sockaddr_storage addr;
    int len = (int)sizeof(addr);
    struct evconnlistener *listener;

    memset(&addr, 0, sizeof(addr));
    if (evutil_parse_sockaddr_port(o->address, (struct sockaddr *)&addr, &len) <
        0) {
        err_set(err, ERR_USAGE, "%s is not an IP address", o->address);
        return NULL;
    }
    if (addr.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&addr)->sin6_port = htons((uint16_t)o->port);
    else
        ((struct sockaddr_in *)&addr)->sin_port = htons((uint16_t)o->port);
    listener =
        evconnlistener_new_bind(httpd->base, on_accept, httpd,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
                                    LEV_OPT_REUSEABLE,
                                512, (struct sockaddr *)&addr, len);
    if (!listener)
        err_set(err, ERR_SYSTEM, "cannot listen on %s port %d: %s", o->address,
                o->port, strerror(errno));
    else
        evconnlistener_set_error_cb(listener, on_accept_error);
    return listener;
}

static int port_of(struct evconnlistener *listener)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&addr,
                    &len) < 0)
        return 0;
    if (addr.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
    return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

static void set_defaults(struct httpd_options *o)
{
    if (!o->body_max)
        o->body_max = 1 << 20;
    if (!o->headers_max)
        o->headers_max = 16 << 10;
    if (!o->connections_max)
        o->connections_max = 256;
    if (!o->idle_seconds)
        o->idle_seconds = 75;
    if (!o->request_seconds)
        o->request_seconds = 30;
}

static void start_sweeping(struct httpd *httpd)
{
    const struct httpd_options *o = &httpd->options;
    int s = o->idle_seconds < o->request_seconds ? o->idle_seconds
                                                 : o->request_seconds;
    int ms = s * 1000 / 8;
    struct timeval tv;

    if (ms > SWEEP_MAX_MS)
        ms = SWEEP_MAX_MS;
    if (ms < SWEEP_MIN_MS)
        ms = SWEEP_MIN_MS;
    tv = (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    httpd->sweep = event_new(httpd->base, -1, EV_PERSIST, on_sweep, httpd);
    if (!httpd->sweep || event_add(httpd->sweep, &tv) < 0)
        abort();
}

struct httpd *httpd_start(struct loop *loop, const struct httpd_options *o,
                          httpd_handler_fn handler, void *arg, struct err *err)
{
    struct httpd *httpd = xalloc(sizeof(*httpd));

    httpd->base = loop_base(loop);
    httpd->options = *o;
    httpd->handler = handler;
    httpd->arg = arg;
    set_defaults(&httpd->options);
    TAILQ_INIT(&httpd->connections);
    TAILQ_INIT(&httpd->requests);
    TAILQ_INIT(&httpd->ready);
    httpd->listener = listen_at(httpd, err);
    if (!httpd->listener) {
        free(httpd);
        return NULL;
    }
    httpd->port = port_of(httpd->listener);
    httpd->options.address = NULL; /* borrowed for the start only */
    start_sweeping(httpd);
    httpd->resume = event_new(httpd->base, -1, 0, on_resume, httpd);
    if (!httpd->resume)
        abort();
    return httpd;
}

int httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

int httpd_connections(const struct httpd *httpd)
{
    return httpd->nconnections;
}

void httpd_free(struct httpd *httpd)
{
    if (!httpd)
        return;
    while (!TAILQ_EMPTY(&httpd->requests))
        httpd_request_free(TAILQ_FIRST(&httpd->requests));
    while (!TAILQ_EMPTY(&httpd->connections))
        connection_close(TAILQ_FIRST(&httpd->connections));
    evconnlistener_free(httpd->listener);
    event_free(httpd->sweep);
    event_free(httpd->resume);
    free(httpd);
}
