#include "server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 16384

struct conn {
    struct server *server;
    int fd;
    bool busy;    /* a request is with the handler */
    bool close;   /* after the answer */
    bool writing; /* EPOLLOUT is asked for */
    bool parsing; /* conn_parse() is on the stack */
    struct buf in, out, chunks;
    size_t sent;    /* of out */
    size_t request; /* bytes of in that the current request takes */
    struct conn *next,
        **link; /* among all of the server; link: what points here */
    struct conn *next_closing;
};

int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void conn_watch(struct conn *c, bool writing)
{
    struct epoll_event e = { .data.ptr = c };

    if (c->writing == writing)
        return;
    c->writing = writing;
    e.events = EPOLLIN | (writing ? EPOLLOUT : 0);
    epoll_ctl(c->server->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

/* Freed after the turn: epoll may have reported it once more in this one. */
static void conn_close(struct conn *c)
{
    struct server *s = c->server;

    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    if (c->busy)
        s->closed(c, s->arg);
    c->busy = false;
    c->next_closing = s->closing;
    s->closing = c;
}

static void conn_free(struct conn *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    buf_release(&c->in);
    buf_release(&c->out);
    buf_release(&c->chunks);
    free(c);
}

static void free_closed(struct server *s)
{
    struct conn *c;

    while ((c = s->closing)) {
        s->closing = c->next_closing;
        conn_free(c);
    }
}

static void conn_flush(struct conn *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
                         MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            conn_watch(c, true);
            return;
        }
        if (n < 0) {
            conn_close(c);
            return;
        }
        c->sent += (size_t)n;
    }
    buf_reset(&c->out);
    c->sent = 0;
    conn_watch(c, false);
    if (c->close)
        conn_close(c);
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 409: return "Conflict";
    default: return "Error";
    }
}

static void conn_parse(struct conn *c);

void conn_prepare(struct conn *c, int status, struct slice body)
{
    buf_addf(&c->out,
             "HTTP/1.1 %d %s\r\nServer: nginx/1.18.0\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n"
             "Connection: %s\r\n\r\n",
             status, reason_of(status), body.n,
             c->close ? "close" : "keep-alive");
    buf_add_slice(&c->out, body);
}

void conn_release(struct conn *c)
{
    assert(c->busy);
    c->busy = false;
    memmove(c->in.data, c->in.data + c->request, c->in.len - c->request);
    c->in.len -= c->request;
    conn_flush(c);
    if (!c->parsing) /* else the loop there goes on by itself */
        conn_parse(c);
}

void conn_answer(struct conn *c, int status, struct slice body)
{
    conn_prepare(c, status, body);
    conn_release(c);
}

/* The value of a header, by its name with the colon; head ends with CRLF. */
static struct slice header(struct slice head, const char *name)
{
    size_t len = strlen(name);
    const char *p = head.p, *end = head.p + head.n;

    while ((p = memchr(p, '\n', (size_t)(end - p)))) {
        p++;
        if ((size_t)(end - p) > len && !strncasecmp(p, name, len)) {
            const char *cr = memchr(p, '\r', (size_t)(end - p));

            for (p += len; *p == ' '; p++)
                ;
            return (struct slice){ p, cr ? (size_t)(cr - p) : 0 };
        }
    }
    return SLICE_NONE;
}

static bool slice_is(struct slice s, const char *text)
{
    return s.n == strlen(text) && !strncasecmp(s.p, text, s.n);
}

/* Decode a chunked body; false: not all there yet. *used: its bytes. */
static bool read_chunks(struct slice raw, struct buf *out, size_t *used)
{
    const char *p = raw.p, *end = raw.p + raw.n;

    buf_reset(out);
    for (;;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n;

        if (!eol)
            return false;
        n = strtoul(p, NULL, 16);
        if ((size_t)(end - eol) < n + 3)
            return false;
        buf_add(out, eol + 1, n);
        p = eol + 1 + n + 2;
        if (n == 0)
            break;
    }
    *used = (size_t)(p - raw.p);
    return true;
}

/* Where the body is; false: not all there yet. Sets c->request. */
static bool find_body(struct conn *c, struct slice head, struct slice *body)
{
    struct slice length = header(head, "content-length:");
    struct slice rest = { head.p + head.n + 2, c->in.len - head.n - 2 };
    size_t used;

    if (slice_is(header(head, "transfer-encoding:"), "chunked")) {
        if (!read_chunks(rest, &c->chunks, &used))
            return false;
        *body = buf_slice(&c->chunks);
    } else {
        used = length.n ? strtoul(length.p, NULL, 10) : 0;
        if (rest.n < used)
            return false;
        *body = (struct slice){ rest.p, used };
    }
    c->request = head.n + 2 + used;
    return true;
}

static bool split_target(struct slice head, struct request *r)
{
    const char *a = memchr(head.p, ' ', head.n), *b, *q;

    if (!a || !(b = memchr(a + 1, ' ', head.n - (size_t)(a + 1 - head.p))))
        return false;
    r->method = (struct slice){ head.p, (size_t)(a - head.p) };
    r->path = (struct slice){ a + 1, (size_t)(b - a - 1) };
    r->query = SLICE_NONE;
    q = memchr(r->path.p, '?', r->path.n);
    if (q) {
        r->query = (struct slice){ q + 1, (size_t)(b - q - 1) };
        r->path.n = (size_t)(q - r->path.p);
    }
    return true;
}

/* One request from c->in to the handler; false: there is none. */
static bool conn_parse_one(struct conn *c)
{
    struct request r = { 0 };
    struct slice head;
    const char *end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);

    if (!end)
        return false;
    head = (struct slice){ c->in.data, (size_t)(end + 2 - c->in.data) };
    if (!find_body(c, head, &r.body)) {
        if (header(head, "expect:").n && c->in.len == head.n + 2)
            send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        return false;
    }
    r.type = header(head, "content-type:");
    c->close = slice_is(header(head, "connection:"), "close");
    c->busy = true;
    if (split_target(head, &r)) {
        c->server->request(c, &r, c->server->arg);
    } else {
        c->close = true;
        conn_answer(c, 400, slice_of("{\"ok\":false}"));
    }
    return true;
}

static void conn_parse(struct conn *c)
{
    c->parsing = true;
    while (c->fd >= 0 && !c->busy && c->in.len && conn_parse_one(c))
        ;
    c->parsing = false;
}

static void conn_read(struct conn *c)
{
    ssize_t n;

    buf_reserve(&c->in, READ_SIZE);
    n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    c->in.len += (size_t)n;
    if (!c->busy)
        conn_parse(c);
}

static void server_accept(struct server *s)
{
    struct epoll_event e = { .events = EPOLLIN };
    int fd, yes = 1;

    while ((fd = accept4(s->listener, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = xalloc(sizeof(*c));

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        c->server = s;
        c->fd = fd;
        buf_init(&c->in);
        buf_init(&c->out);
        buf_init(&c->chunks);
        c->next = s->conns;
        c->link = &s->conns;
        if (c->next)
            c->next->link = &c->next;
        s->conns = c;
        e.data.ptr = c;
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
        s->accepted++;
    }
}

int server_listen(struct server *s, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
    socklen_t len = sizeof(a);
    int yes = 1;

    s->listener =
        socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        listen(s->listener, 1024) < 0)
        return -1;
    getsockname(s->listener, (struct sockaddr *)&a, &len);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e);
    return ntohs(a.sin_port);
}

static int wait_ms(int64_t until)
{
    int64_t ns;

    if (until == INT64_MAX)
        return -1;
    ns = until - now_ns();
    return ns <= 0 ? 0 : (int)((ns + 999999) / 1000000);
}

static void conn_event(struct conn *c, uint32_t events)
{
    if (c->fd >= 0 && (events & EPOLLOUT))
        conn_flush(c);
    if (c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        conn_read(c);
}

void server_run(struct server *s)
{
    struct epoll_event events[128];
    int64_t next = 0;

    while (!s->stop) {
        int n = epoll_wait(s->epoll, events, ARRAY_LEN(events), wait_ms(next));

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                conn_event(events[i].data.ptr, events[i].events);
            else
                server_accept(s);
        }
        next = s->tick(now_ns(), s->arg);
        free_closed(s);
    }
    while (s->conns) {
        close(s->conns->fd);
        conn_free(s->conns);
    }
    close(s->listener);
    close(s->epoll);
}
