/*
 * httpd.c - see httpd.h: connections and answers.
 *
 *                  ┌──────────────── answered ──────────────────┐
 *     accepted ─► IDLE ─ first byte ─► READING ─ all of it ─► HANDLING
 *                  │                     │ refused              │ the last answer
 *                  │                     ▼                      ▼
 *                closed ◄── LINGERING ◄── it is sent ─── CLOSING
 *
 * Not evhttp (libevent 2.1.12): it has no deadline for a request, no limit of
 * connections, answers 413 to long headers, ends the program when a client
 * pipelines while its reading is switched on, and closes a connection with
 * bytes unread, which takes the answer away from a client that still sends.
 *
 * While a request is handled, what follows it waits in the socket, but for
 * INPUT_MAX bytes; while answers are not taken, no request is read.
 */
#include "io/httpd.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "io/httpd_read.h"
#include "io/loop.h"

#define INPUT_MAX (64 << 10)  /* bytes read ahead of what is handled */
#define OUTPUT_MAX (64 << 10) /* of answers not taken, before no more is read */
#define WRITE_MAX (256 << 10) /* bytes at once; libevent's own is 16 KiB */
/* A client that still sends what was refused can read the answer so long. */
#define LINGER_MS 5000
#define SWEEP_MIN_MS 50
#define SWEEP_MAX_MS 1000

enum connection_state { IDLE, READING, HANDLING, CLOSING, LINGERING };

struct httpd_request {
    struct httpd *httpd;
    struct connection *con; /* NULL: the client has left */
    struct httpd_reader reader;
    bool checked;
    httpd_gone_fn gone;
    void *gone_arg;
    bool streaming, chunked;
    TAILQ_ENTRY(httpd_request) link;
};

struct connection {
    struct httpd *httpd;
    struct bufferevent *bev;
    enum connection_state state;
    struct httpd_request *req; /* READING, HANDLING */
    int64_t since;             /* when the state, or the last progress, began */
    size_t unsent;             /* at the last sweep */
    bool last;                 /* nothing comes after this request */
    bool ended;                /* the client sends no more */
    bool feeding, dead;        /* freed when feed() is left */
    bool ready;                /* stands in httpd.ready */
    bool full;                 /* reading is off: see pace_reading() */
    TAILQ_ENTRY(connection) link, ready_link;
};

struct httpd {
    struct event_base *base;
    struct evconnlistener *listener;
    bool deaf; /* out of descriptors: accepting is switched off for a moment */
    struct httpd_options options;
    int port;
    httpd_handler_fn handler;
    void *arg;
    struct event *sweep;
    TAILQ_HEAD(connection_list, connection) connections; /* oldest first */
    /* Their next request may be there already. (bufferevent_trigger() would do,
     * but what it defers keeps a bufferevent alive past its base's end.) */
    struct connection_list ready;
    struct event *resume;
    int nconnections;
    TAILQ_HEAD(, httpd_request) requests;
    time_t date;
    char date_text[64];
};

/* --- requests -------------------------------------------------------------- */

static struct httpd_request *request_new(struct connection *c)
{
    struct httpd_request *r = xalloc(sizeof(*r));

    r->httpd = c->httpd;
    r->con = c;
    httpd_reader_init(&r->reader, c->httpd->options.headers_max,
                      c->httpd->options.body_max);
    TAILQ_INSERT_TAIL(&c->httpd->requests, r, link);
    return r;
}

static void request_free(struct httpd_request *r)
{
    if (r->con)
        r->con->req = NULL;
    TAILQ_REMOVE(&r->httpd->requests, r, link);
    httpd_reader_release(&r->reader);
    free(r);
}

const char *httpd_method(const struct httpd_request *r)
{
    return r->reader.method;
}

const char *httpd_path(const struct httpd_request *r)
{
    return r->reader.path;
}

const char *httpd_query(const struct httpd_request *r)
{
    return r->reader.query;
}

const char *httpd_header(const struct httpd_request *r, const char *name)
{
    return httpd_reader_header(&r->reader, name);
}

struct slice httpd_body(const struct httpd_request *r)
{
    return buf_slice(&r->reader.body);
}

void httpd_on_gone(struct httpd_request *r, httpd_gone_fn gone, void *arg)
{
    assert(!r->gone);
    r->gone = gone;
    r->gone_arg = arg;
}

/* --- connections ------------------------------------------------------------- */

static void enter(struct connection *c, enum connection_state state)
{
    c->state = state;
    c->since = loop_now_ms();
}

static size_t unsent(const struct connection *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

static void close_connection(struct connection *c)
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
        request_free(c->req);
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
        close_connection(c);
    else
        enter(c, LINGERING);
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

static void begin_closing(struct connection *c)
{
    enter(c, CLOSING);
    throw_input_away(c);
    if (unsent(c) == 0)
        half_close(c);
}

/* Send now what the socket takes, and the rest when it takes more. */
static void put(struct connection *c, struct slice head, struct slice body)
{
    struct iovec v[2] = { { (void *)head.p, head.n },
                          { (void *)body.p, body.n } };
    struct msghdr msg = { .msg_iov = v, .msg_iovlen = 2 };
    ssize_t sent = 0;
    size_t n;

    if (unsent(c) == 0)
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

/* --- answers ------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return "Unknown";
}

static const char *date_now(struct httpd *httpd)
{
    time_t now = time(NULL);
    struct tm tm;

    if (now != httpd->date) {
        httpd->date = now;
        gmtime_r(&now, &tm);
        strftime(httpd->date_text, sizeof(httpd->date_text),
                 "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return httpd->date_text;
}

/* The status line and the headers, without the empty line at their end. */
static void add_head(struct buf *out, struct connection *c, int status,
                     const char *const *headers)
{
    buf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_of(status),
             date_now(c->httpd));
    for (; headers && headers[0]; headers += 2) {
        if (strcasecmp(headers[0], "Connection") == 0)
            c->last = c->last || strcasecmp(headers[1], "close") == 0;
        else
            buf_addf(out, "%s: %s\r\n", headers[0], headers[1]);
    }
    if (c->last)
        buf_adds(out, "Connection: close\r\n");
}

static bool has_body(const struct httpd_request *r, int status)
{
    return status >= 200 && status != 204 && status != 304 &&
           strcmp(r->reader.method, "HEAD") != 0;
}

/* Gives r back; the next request may be there already. */
static void answered(struct httpd_request *r)
{
    struct connection *c = r->con;

    request_free(r);
    if (!c)
        return;
    if (c->last || (c->ended && !c->feeding &&
                    evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)) {
        begin_closing(c);
        return;
    }
    enter(c, IDLE);
    if (c->feeding || c->ready)
        return;
    c->ready = true;
    TAILQ_INSERT_TAIL(&c->httpd->ready, c, ready_link);
    event_active(c->httpd->resume, EV_TIMEOUT, 1);
}

static void send_whole(struct httpd_request *r, int status,
                       const char *const *headers, struct slice body)
{
    struct buf head = BUF_INIT;

    add_head(&head, r->con, status, headers);
    if (status != 204 && status != 304)
        buf_addf(&head, "Content-Length: %zu\r\n", body.n);
    buf_adds(&head, "\r\n");
    put(r->con, buf_slice(&head), has_body(r, status) ? body : SLICE_NONE);
    buf_release(&head);
}

void httpd_reply(struct httpd_request *r, int status,
                 const char *const *headers, struct slice body)
{
    assert(!r->streaming);
    if (r->con)
        send_whole(r, status, headers, body);
    answered(r);
}

void httpd_stream_begin(struct httpd_request *r, int status,
                        const char *const *headers)
{
    struct buf head = BUF_INIT;

    assert(!r->streaming);
    r->streaming = true;
    if (!r->con)
        return;
    r->chunked = r->reader.minor > 0;
    if (!r->chunked)
        r->con->last = true;
    add_head(&head, r->con, status, headers);
    if (r->chunked)
        buf_adds(&head, "Transfer-Encoding: chunked\r\n");
    buf_adds(&head, "\r\n");
    put(r->con, buf_slice(&head), SLICE_NONE);
    buf_release(&head);
}

void httpd_stream_add(struct httpd_request *r, struct slice bytes)
{
    char size[32];

    assert(r->streaming);
    if (!r->con || bytes.n == 0 || !has_body(r, 200))
        return;
    snprintf(size, sizeof(size), "%zx\r\n", bytes.n);
    put(r->con, r->chunked ? slice_of(size) : SLICE_NONE, bytes);
    if (r->chunked)
        put(r->con, slice_of("\r\n"), SLICE_NONE);
}

size_t httpd_stream_pending(const struct httpd_request *r)
{
    return r->con ? unsent(r->con) : 0;
}

void httpd_stream_end(struct httpd_request *r)
{
    assert(r->streaming);
    if (r->con && r->chunked && has_body(r, 200))
        put(r->con, slice_of("0\r\n\r\n"), SLICE_NONE);
    answered(r);
}

void httpd_drop(struct httpd_request *r)
{
    struct connection *c = r->con;

    request_free(r);
    if (c)
        close_connection(c);
}

/* --- reading ------------------------------------------------------------------- */

/* Answer what is not (yet) a whole request, and end the connection. */
static void refuse(struct connection *c, int status, const char *const *headers)
{
    char text[80];

    c->last = true;
    snprintf(text, sizeof(text), "%d %s\n", status, reason_of(status));
    send_whole(c->req, status, headers, slice_of(text));
    request_free(c->req);
    begin_closing(c);
}

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
        refuse(c, status, headers);
        return false;
    }
    if (r->reader.expect_continue && r->reader.body.len == 0)
        put(c, slice_of("HTTP/1.1 100 Continue\r\n\r\n"), SLICE_NONE);
    return true;
}

static void handle(struct connection *c)
{
    c->last = !c->req->reader.keep_alive;
    enter(c, HANDLING);
    c->httpd->handler(c->req, c->httpd->arg);
}

/* Take some of these bytes, and do what they ask for. */
static void take(struct connection *c, struct evbuffer *in, struct slice bytes)
{
    struct httpd_reader *reader;

    if (c->state == IDLE) {
        enter(c, READING);
        c->req = request_new(c);
    }
    reader = &c->req->reader;
    evbuffer_drain(in, httpd_read(reader, bytes.p, bytes.n));
    if (reader->state == HTTPD_READ_REFUSED) {
        refuse(c, reader->status, NULL);
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
           unsent(c) < OUTPUT_MAX && evbuffer_get_length(in))
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
        begin_closing(c);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    (void)bev;
    feed(arg);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct httpd *httpd = arg;
    struct connection *c;

    (void)fd, (void)what;
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
            close_connection(c);
        else
            feed(c);
        return;
    }
    close_connection(c);
    if (gone) {
        r->gone = NULL;
        gone(r, r->gone_arg);
    }
}

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
            close_connection(c);
            return true;
        }
    }
    return false;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *addr, int len, void *arg)
{
    struct httpd *httpd = arg;
    struct connection *c;
    int yes = 1;

    (void)listener, (void)addr, (void)len;
    if (httpd->nconnections >= httpd->options.connections_max &&
        !make_room(httpd)) {
        evutil_closesocket(fd);
        return;
    }
    /* the last piece of an answer must not wait for an acknowledgement */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    c = xalloc(sizeof(*c));
    c->httpd = httpd;
    c->bev = bufferevent_socket_new(httpd->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->bev)
        abort();
    enter(c, IDLE);
    TAILQ_INSERT_TAIL(&httpd->connections, c, link);
    httpd->nconnections++;
    bufferevent_setcb(c->bev, on_readable, on_written, on_event, c);
    bufferevent_set_max_single_read(c->bev, INPUT_MAX);
    bufferevent_set_max_single_write(c->bev, WRITE_MAX);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
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
    size_t n = unsent(c);

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
    int64_t now = loop_now_ms();

    (void)fd, (void)what;
    if (httpd->deaf)
        evconnlistener_enable(httpd->listener);
    httpd->deaf = false;
    for (c = TAILQ_FIRST(&httpd->connections); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!is_overdue(c, now))
            continue;
        if (c->state == READING)
            refuse(c, 408, NULL);
        else
            close_connection(c);
    }
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
        request_free(TAILQ_FIRST(&httpd->requests));
    while (!TAILQ_EMPTY(&httpd->connections))
        close_connection(TAILQ_FIRST(&httpd->connections));
    evconnlistener_free(httpd->listener);
    event_free(httpd->sweep);
    event_free(httpd->resume);
    free(httpd);
}
