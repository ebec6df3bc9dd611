/*
 * httpd_connection.c - see httpd_int.h: connections, and what comes in by them.
 *
 * While a request is handled, what follows it waits in the socket, but for
 * INPUT_MAX bytes; while answers are not taken, no request is read.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/buffer.h>

#include "io/httpd_int.h"
#include "io/loop.h"

#define INPUT_MAX (64 << 10)  /* bytes read ahead of what is handled */
#define OUTPUT_MAX (64 << 10) /* of answers not taken, before no more is read */
#define WRITE_MAX (256 << 10) /* bytes at once; libevent's own is 16 KiB */

void connection_enter(struct connection *c, enum connection_state state)
{
    c->state = state;
    c->since = loop_real_ms();
}

size_t connection_unsent(const struct connection *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

void connection_close(struct connection *c)
{
    if (c->dead)
        return;
    c->dead = true;
    if (c->ready)
        TAILQ_REMOVE(&c->httpd->ready, c, ready_link);
    if (c->req && c->state == HANDLING) {
        c->req->con = NULL;
        c->req = NULL;
    } else if (c->req) {
        httpd_request_free(c->req);
    }
    TAILQ_REMOVE(&c->httpd->connections, c, link);
    c->httpd->nconnections--;
    bufferevent_free(c->bev);
    c->bev = NULL;
    if (!c->feeding)
        free(c);
}

/* All is said: the client sees the end, and may still be sending. */
static void half_close(struct connection *c)
{
    if (c->ended || shutdown(bufferevent_getfd(c->bev), SHUT_WR) < 0)
        connection_close(c);
    else
        connection_enter(c, LINGERING);
}

/* No more than INPUT_MAX (and one read) ahead. Not by the bufferevent's own
 * watermark: one that it has stopped is not freed with its base. */
static void pace_reading(struct connection *c)
{
    bool full = evbuffer_get_length(bufferevent_get_input(c->bev)) >= INPUT_MAX;

    if (full == c->full)
        return;
    c->full = full;
    if (full)
        bufferevent_disable(c->bev, EV_READ);
    else
        bufferevent_enable(c->bev, EV_READ);
}

static void throw_input_away(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);

    evbuffer_drain(in, evbuffer_get_length(in));
    if (!c->ended)
        pace_reading(c);
}

void connection_begin_closing(struct connection *c)
{
    connection_enter(c, CLOSING);
    throw_input_away(c);
    if (connection_unsent(c) == 0)
        half_close(c);
}

void connection_put(struct connection *c, struct slice head, struct slice body)
{
    struct iovec v[2] = { { (void *)head.p, head.n },
                          { (void *)body.p, body.n } };
    struct msghdr msg = { .msg_iov = v, .msg_iovlen = 2 };
    ssize_t sent = 0;
    size_t n;

    if (connection_unsent(c) == 0)
        sent = sendmsg(bufferevent_getfd(c->bev), &msg,
                       MSG_NOSIGNAL | MSG_DONTWAIT);
    n = sent > 0 ? (size_t)sent : 0; /* an error comes again, to on_event() */
    for (int i = 0; i < 2; i++) {
        size_t skip = n < v[i].iov_len ? n : v[i].iov_len;

        n -= skip;
        if (skip < v[i].iov_len &&
            bufferevent_write(c->bev, (char *)v[i].iov_base + skip,
                              v[i].iov_len - skip) < 0)
            abort();
    }
}

/* --- reading ------------------------------------------------------------------- */

/* The head is there: is the rest wanted? */
static bool check(struct connection *c)
{
    struct httpd_request *r = c->req;
    const struct httpd_options *o = &c->httpd->options;
    const char *const *headers = NULL;
    int status = 0;

    r->checked = true;
    if (o->check)
        status = o->check(r, &headers, c->httpd->arg);
    if (status) {
        httpd_refuse(c, status, headers);
        return false;
    }
    if (r->reader.expect_continue && r->reader.body.len == 0)
        connection_put(c, slice_of("HTTP/1.1 100 Continue\r\n\r\n"),
                       SLICE_NONE);
    return true;
}

static void handle(struct connection *c)
{
    c->last = !c->req->reader.keep_alive;
    connection_enter(c, HANDLING);
    c->httpd->handler(c->req, c->httpd->arg);
}

/* Take some of these bytes, and do what they ask for. */
static void take(struct connection *c, struct evbuffer *in, struct slice bytes)
{
    struct httpd_reader *reader;

    if (c->state == IDLE) {
        connection_enter(c, READING);
        c->req = httpd_request_new(c);
    }
    reader = &c->req->reader;
    evbuffer_drain(in, httpd_read(reader, bytes.p, bytes.n));
    if (reader->state == HTTPD_READ_REFUSED) {
        httpd_refuse(c, reader->status, NULL);
        return;
    }
    if (reader->state != HTTPD_READ_HEAD && !c->req->checked && !check(c))
        return;
    if (reader->state == HTTPD_READ_COMPLETE)
        handle(c);
}

/* What can be read without moving bytes about. */
static struct slice first_piece(struct evbuffer *in)
{
    size_t n = evbuffer_get_contiguous_space(in);

    if (n == 0)
        n = evbuffer_get_length(in);
    return (struct slice){ (const char *)evbuffer_pullup(in, (ssize_t)n), n };
}

static void feed(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);

    c->feeding = true;
    while (!c->dead && (c->state == IDLE || c->state == READING) &&
           connection_unsent(c) < OUTPUT_MAX && evbuffer_get_length(in))
        take(c, in, first_piece(in));
    c->feeding = false;
    if (!c->dead && !c->ended)
        pace_reading(c);
    if (c->dead)
        free(c);
    else if (c->state == CLOSING || c->state == LINGERING)
        throw_input_away(c);
    else if (c->ended && (c->state == IDLE || c->state == READING) &&
             evbuffer_get_length(in) == 0)
        connection_begin_closing(c);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    (void)bev;
    feed(arg);
}

void connections_resume(struct httpd *httpd)
{
    struct connection *c;

    while ((c = TAILQ_FIRST(&httpd->ready))) {
        TAILQ_REMOVE(&httpd->ready, c, ready_link);
        c->ready = false;
        feed(c);
    }
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct connection *c = arg;

    (void)bev;
    if (c->state == CLOSING)
        half_close(c);
    else
        feed(c);
}

/* The client has ended its side, or the connection is broken. One that only
 * says that it will send no more still gets its answers. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *c = arg;
    struct httpd_request *r = c->state == HANDLING ? c->req : NULL;
    httpd_gone_fn gone = r ? r->gone : NULL;

    (void)bev;
    c->ended = true;
    if ((what & BEV_EVENT_EOF) && !gone && !(r && r->streaming)) {
        if (c->state == READING || c->state == LINGERING)
            connection_close(c);
        else
            feed(c);
        return;
    }
    connection_close(c);
    if (gone) {
        r->gone = NULL;
        gone(r, r->gone_arg);
    }
}
void connection_open(struct httpd *httpd, evutil_socket_t fd)
{
    struct connection *c = xalloc(sizeof(*c));
    int yes = 1;

    /* the last piece of an answer must not wait for an acknowledgement */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    c->httpd = httpd;
    c->bev = bufferevent_socket_new(httpd->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->bev)
        abort();
    connection_enter(c, IDLE);
    TAILQ_INSERT_TAIL(&httpd->connections, c, link);
    httpd->nconnections++;
    bufferevent_setcb(c->bev, on_readable, on_written, on_event, c);
    bufferevent_set_max_single_read(c->bev, INPUT_MAX);
    bufferevent_set_max_single_write(c->bev, WRITE_MAX);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
