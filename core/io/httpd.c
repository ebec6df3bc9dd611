/*
 * httpd.c - see httpd.h.
 *
 * Two oddities of libevent 2.1.12 shape this file. While a request is in the
 * handler's hands evhttp has reading switched off, so a client that leaves is
 * not noticed; switching it on with evhttp's own read callback in place ends
 * the program when a client pipelines ("illegal connection state" in
 * evhttp_read_cb, http.c). So watch() switches it on with no read callback, as
 * evhttp_write_buffer() does. And there is no limit on connections, and nothing
 * says when evhttp closes one: we remember the sockets by their inode numbers
 * and, at the limit, look which are still what they were.
 */
#include "io/httpd.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "io/loop.h"

#define METHODS_ALLOWED                                                        \
    (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |     \
     EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH)

#define WRITE_MAX (256 << 10) /* bytes at once; libevent's own is 16 KiB */

struct httpd_request {
    struct httpd *httpd;
    struct evhttp_request *req; /* without connection when the client left */
    struct slice body;
    httpd_gone_fn gone;
    void *gone_arg;
    bool streaming;
    TAILQ_ENTRY(httpd_request) link;
};

struct socket_id {
    int fd;
    ino_t inode;
};

struct httpd {
    struct event_base *base;
    struct evhttp *http;
    int port;
    httpd_handler_fn handler;
    void *arg;
    struct timeval idle;
    struct socket_id *connections; /* some may have been closed */
    size_t nconnections, connections_max;
    struct bufferevent **fresh; /* accepted in this turn; referenced */
    size_t nfresh, fresh_cap;
    struct event *note; /* looks at the fresh ones */
    TAILQ_HEAD(, httpd_request) pending;
};

/* --- connections ----------------------------------------------------------- */

static ino_t inode_of(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* Forget the connections that have been closed. */
static void prune_connections(struct httpd *httpd)
{
    size_t kept = 0;

    for (size_t i = 0; i < httpd->nconnections; i++) {
        struct socket_id id = httpd->connections[i];

        if (inode_of(id.fd) == id.inode)
            httpd->connections[kept++] = id;
    }
    httpd->nconnections = kept;
}

/* Count a connection, or make it end if it is one too many: evhttp sees the
 * end and frees it. */
static void note_connection(struct httpd *httpd, struct bufferevent *bev)
{
    struct socket_id id = { .fd = bufferevent_getfd(bev) };
    int yes = 1;

    id.inode = inode_of(id.fd);
    if (!id.inode)
        return;
    /* the last piece of an answer must not wait for an acknowledgement */
    setsockopt(id.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    bufferevent_set_max_single_write(bev, WRITE_MAX);
    if (httpd->nconnections == httpd->connections_max)
        prune_connections(httpd);
    if (httpd->nconnections < httpd->connections_max)
        httpd->connections[httpd->nconnections++] = id;
    else
        shutdown(id.fd, SHUT_RDWR);
}

static void note_fresh(evutil_socket_t fd, short what, void *arg)
{
    struct httpd *httpd = arg;

    (void)fd, (void)what;
    for (size_t i = 0; i < httpd->nfresh; i++) {
        note_connection(httpd, httpd->fresh[i]);
        bufferevent_decref(httpd->fresh[i]);
    }
    httpd->nfresh = 0;
}

/* evhttp asks for the bufferevent of a connection it has just accepted, and
 * gives it its socket after that: so it is looked at a moment later, but
 * before anything can come from it. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct httpd *httpd = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

    if (!bev)
        abort();
    bufferevent_incref(bev);
    if (httpd->nfresh == httpd->fresh_cap) {
        httpd->fresh_cap = httpd->fresh_cap ? httpd->fresh_cap * 2 : 8;
        httpd->fresh =
            xrealloc(httpd->fresh, httpd->fresh_cap * sizeof(httpd->fresh[0]));
    }
    httpd->fresh[httpd->nfresh++] = bev;
    event_active(httpd->note, EV_TIMEOUT, 1);
    return bev;
}

static struct evhttp_connection *connection_of(const struct httpd_request *r)
{
    return evhttp_request_get_connection(r->req);
}

static struct bufferevent *bufferevent_of(const struct httpd_request *r)
{
    struct evhttp_connection *con = connection_of(r);

    return con ? evhttp_connection_get_bufferevent(con) : NULL;
}

/* evhttp frees the connection: the client left before the answer's end. */
static void on_close(struct evhttp_connection *con, void *arg)
{
    struct httpd_request *r = arg;
    httpd_gone_fn gone = r->gone;

    (void)con;
    r->gone = NULL;
    if (gone)
        gone(r, r->gone_arg);
}

/* Notice when the client leaves; wait for as long as it takes. */
static void watch(struct httpd_request *r)
{
    struct bufferevent *bev = bufferevent_of(r);
    bufferevent_data_cb write;
    bufferevent_event_cb event;
    void *arg;

    if (!bev)
        return;
    evhttp_connection_set_closecb(connection_of(r), on_close, r);
    bufferevent_set_timeouts(bev, NULL, NULL);
    bufferevent_getcb(bev, NULL, &write, &event, &arg);
    bufferevent_setcb(bev, NULL, write, event, arg);
    bufferevent_enable(bev, EV_READ);
}

/* The opposite: what follows is an ordinary answer. */
static void unwatch(struct httpd_request *r)
{
    struct bufferevent *bev = bufferevent_of(r);

    r->gone = NULL;
    if (!bev)
        return;
    evhttp_connection_set_closecb(connection_of(r), NULL, NULL);
    bufferevent_set_timeouts(bev, &r->httpd->idle, &r->httpd->idle);
}

/* --- requests -------------------------------------------------------------- */

static void on_request(struct evhttp_request *req, void *arg)
{
    struct httpd *httpd = arg;
    struct httpd_request *r = xalloc(sizeof(*r));
    struct evbuffer *in = evhttp_request_get_input_buffer(req);

    r->httpd = httpd;
    r->req = req;
    r->body.n = evbuffer_get_length(in);
    r->body.p = r->body.n ? (const char *)evbuffer_pullup(in, -1) : "";
    TAILQ_INSERT_TAIL(&httpd->pending, r, link);
    httpd->handler(r, httpd->arg);
}

static void request_free(struct httpd_request *r)
{
    TAILQ_REMOVE(&r->httpd->pending, r, link);
    free(r);
}

const char *httpd_method(const struct httpd_request *r)
{
    switch (evhttp_request_get_command(r->req)) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_OPTIONS: return "OPTIONS";
    case EVHTTP_REQ_PATCH: return "PATCH";
    default: return "";
    }
}

const char *httpd_path(const struct httpd_request *r)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

    return path ? path : "";
}

const char *httpd_query(const struct httpd_request *r)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->req);
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;

    return query ? query : "";
}

const char *httpd_header(const struct httpd_request *r, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(r->req), name);
}

struct slice httpd_body(const struct httpd_request *r)
{
    return r->body;
}

void httpd_on_gone(struct httpd_request *r, httpd_gone_fn gone, void *arg)
{
    assert(!r->gone);
    r->gone = gone;
    r->gone_arg = arg;
    watch(r);
}

/* --- answers --------------------------------------------------------------- */

static void add_headers(struct httpd_request *r, const char *const *headers)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(r->req);

    for (; headers && headers[0]; headers += 2)
        evhttp_add_header(out, headers[0], headers[1]);
}

void httpd_reply(struct httpd_request *r, int status,
                 const char *const *headers, struct slice body)
{
    assert(!r->streaming);
    unwatch(r);
    if (connection_of(r)) {
        add_headers(r, headers);
        evbuffer_add(evhttp_request_get_output_buffer(r->req), body.p, body.n);
        evhttp_send_reply(r->req, status, NULL, NULL);
    } else {
        evhttp_request_free(r->req);
    }
    request_free(r);
}

void httpd_stream_begin(struct httpd_request *r, int status,
                        const char *const *headers)
{
    struct bufferevent *bev = bufferevent_of(r);

    assert(!r->streaming);
    r->streaming = true;
    if (!bev)
        return;
    add_headers(r, headers);
    evhttp_send_reply_start(r->req, status, NULL);
    evhttp_connection_set_closecb(connection_of(r), on_close, r);
    bufferevent_set_timeouts(bev, NULL, NULL);
}

void httpd_stream_add(struct httpd_request *r, struct slice bytes)
{
    struct evbuffer *piece;

    assert(r->streaming);
    if (!connection_of(r) || bytes.n == 0)
        return;
    piece = evbuffer_new();
    if (!piece || evbuffer_add(piece, bytes.p, bytes.n) < 0)
        abort();
    evhttp_send_reply_chunk(r->req, piece);
    evbuffer_free(piece);
}

size_t httpd_stream_pending(const struct httpd_request *r)
{
    struct bufferevent *bev = bufferevent_of(r);

    return bev ? evbuffer_get_length(bufferevent_get_output(bev)) : 0;
}

void httpd_stream_end(struct httpd_request *r)
{
    assert(r->streaming);
    unwatch(r);
    if (connection_of(r))
        evhttp_send_reply_end(r->req);
    else
        evhttp_request_free(r->req);
    request_free(r);
}

void httpd_drop(struct httpd_request *r)
{
    struct evhttp_connection *con = connection_of(r);

    unwatch(r);
    if (con)
        evhttp_connection_free(con); /* and its request */
    else
        evhttp_request_free(r->req);
    request_free(r);
}

/* --- the server ------------------------------------------------------------ */

static struct evconnlistener *listen_at(struct event_base *base,
                                        const struct httpd_options *o,
                                        struct err *err)
{
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
        evconnlistener_new_bind(base, NULL, NULL,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
                                    LEV_OPT_REUSEABLE,
                                512, (struct sockaddr *)&addr, len);
    if (!listener)
        err_set(err, ERR_SYSTEM, "cannot listen on %s port %d: %s", o->address,
                o->port, strerror(errno));
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

static struct evhttp *make_evhttp(struct httpd *httpd,
                                  const struct httpd_options *o)
{
    struct evhttp *http = evhttp_new(httpd->base);

    if (!http)
        abort();
    evhttp_set_allowed_methods(http, METHODS_ALLOWED);
    evhttp_set_max_body_size(http, o->body_max ? (ssize_t)o->body_max
                                               : (ssize_t)(1 << 20));
    evhttp_set_max_headers_size(http, o->headers_max ? (ssize_t)o->headers_max
                                                     : (ssize_t)(16 << 10));
    evhttp_set_timeout(http, (int)httpd->idle.tv_sec);
    evhttp_set_bevcb(http, on_connection, httpd);
    evhttp_set_gencb(http, on_request, httpd);
    return http;
}

struct httpd *httpd_start(struct loop *loop, const struct httpd_options *o,
                          httpd_handler_fn handler, void *arg, struct err *err)
{
    struct evconnlistener *listener = listen_at(loop_base(loop), o, err);
    struct httpd *httpd;

    if (!listener)
        return NULL;
    httpd = xalloc(sizeof(*httpd));
    httpd->base = loop_base(loop);
    httpd->port = port_of(listener);
    httpd->handler = handler;
    httpd->arg = arg;
    httpd->idle.tv_sec = o->idle_seconds ? o->idle_seconds : 75;
    httpd->connections_max =
        o->connections_max ? (size_t)o->connections_max : 256;
    httpd->connections =
        xalloc(httpd->connections_max * sizeof(httpd->connections[0]));
    TAILQ_INIT(&httpd->pending);
    httpd->note = evtimer_new(httpd->base, note_fresh, httpd);
    httpd->http = make_evhttp(httpd, o);
    if (!evhttp_bind_listener(httpd->http, listener))
        abort();
    return httpd;
}

int httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

void httpd_free(struct httpd *httpd)
{
    struct httpd_request *r;

    if (!httpd)
        return;
    while ((r = TAILQ_FIRST(&httpd->pending)))
        httpd_drop(r);
    for (size_t i = 0; i < httpd->nfresh; i++)
        bufferevent_decref(httpd->fresh[i]);
    evhttp_free(httpd->http);
    event_free(httpd->note);
    free(httpd->fresh);
    free(httpd->connections);
    free(httpd);
}
