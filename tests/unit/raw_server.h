/*
 * raw_server.h - for tests of clients: an HTTP server in the test's own loop
 * that counts its connections and can break them.
 *
 * The path says what is done with a complete request:
 *   /drop       the connection is closed without an answer
 *   /first-drop the same, but only for the first such request
 *   /hold       no answer
 *   /close      answered, then closed without having said so
 *   /cut        half an answer, then closed
 *   /garbage    something that is not HTTP
 *   others      200, the body is what the request's body was
 */
#ifndef TESTS_RAW_SERVER_H
#define TESTS_RAW_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/buf.h"
#include "io/loop.h"

#define RAW_CONNECTIONS_MAX 600

struct raw_server {
    struct evconnlistener *listener;
    struct bufferevent *connections[RAW_CONNECTIONS_MAX];
    int port, accepted, requests, first_drops;
    bool refuse;    /* close what is accepted at once */
    char last[600]; /* the last request's head */
};

static inline void raw_close(struct raw_server *s, struct bufferevent *bev)
{
    for (int i = 0; i < RAW_CONNECTIONS_MAX; i++)
        if (s->connections[i] == bev)
            s->connections[i] = NULL;
    bufferevent_free(bev);
}

/* Close every connection, as a server does with idle ones. */
static inline void raw_close_all(struct raw_server *s)
{
    for (int i = 0; i < RAW_CONNECTIONS_MAX; i++)
        if (s->connections[i])
            raw_close(s, s->connections[i]);
}

static inline void raw_answer(struct bufferevent *bev, size_t said,
                              const char *body, size_t n)
{
    struct evbuffer *out = bufferevent_get_output(bev);

    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                        said);
    evbuffer_add(out, body, n);
}

/* Write what is in the buffer now, so that closing does not lose it. */
static inline void raw_flush(struct bufferevent *bev)
{
    struct evbuffer *out = bufferevent_get_output(bev);
    size_t n = evbuffer_get_length(out);

    if (send(bufferevent_getfd(bev), evbuffer_pullup(out, -1), n,
             MSG_NOSIGNAL) != (ssize_t)n)
        abort();
}

static inline bool raw_is(const struct raw_server *s, const char *path)
{
    const char *p = strchr(s->last, ' ');

    return p && strncmp(p + 1, path, strlen(path)) == 0;
}

static inline void raw_request(struct raw_server *s, struct bufferevent *bev,
                               const char *body, size_t n)
{
    static const char garbage[] = "I am not a web server\r\n";

    s->requests++;
    if (raw_is(s, "/drop") ||
        (raw_is(s, "/first-drop") && s->first_drops++ == 0)) {
        raw_close(s, bev);
    } else if (raw_is(s, "/hold")) {
        return;
    } else if (raw_is(s, "/close")) {
        raw_answer(bev, n, body, n);
        raw_flush(bev);
        raw_close(s, bev);
    } else if (raw_is(s, "/cut")) {
        raw_answer(bev, n + 100, body, n);
        raw_flush(bev);
        raw_close(s, bev);
    } else if (raw_is(s, "/garbage")) {
        evbuffer_add(bufferevent_get_output(bev), garbage, strlen(garbage));
        raw_flush(bev);
        raw_close(s, bev);
    } else {
        raw_answer(bev, n, body, n);
    }
}

static inline void raw_on_read(struct bufferevent *bev, void *arg)
{
    struct raw_server *s = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(in), head, body = 0;
    const char *p = (const char *)evbuffer_pullup(in, -1), *end, *length;

    end = n ? memmem(p, n, "\r\n\r\n", 4) : NULL;
    if (!end)
        return;
    head = (size_t)(end - p) + 4;
    snprintf(s->last, sizeof(s->last), "%.*s", (int)head, p);
    length = strcasestr(s->last, "\r\ncontent-length:");
    if (length)
        body = strtoul(length + 17, NULL, 10);
    if (n < head + body)
        return;
    end = malloc(body + 1);
    memcpy((char *)end, p + head, body);
    evbuffer_drain(in, head + body);
    raw_request(s, bev, end, body);
    free((char *)end);
}

static inline void raw_on_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        raw_close(arg, bev);
}

static inline void raw_on_accept(struct evconnlistener *listener, int fd,
                                 struct sockaddr *addr, int len, void *arg)
{
    struct raw_server *s = arg;
    struct linger reset = { 1, 0 };
    struct bufferevent *bev;
    int i = 0;

    (void)addr, (void)len;
    s->accepted++;
    if (s->refuse) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        evutil_closesocket(fd);
        return;
    }
    bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
                                 BEV_OPT_CLOSE_ON_FREE);
    while (s->connections[i])
        i++;
    s->connections[i] = bev;
    bufferevent_setcb(bev, raw_on_read, NULL, raw_on_event, s);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static inline void raw_start(struct raw_server *s, struct loop *loop)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);

    *s = (struct raw_server){ 0 };
    s->listener = evconnlistener_new_bind(loop_base(loop), raw_on_accept, s,
                                          LEV_OPT_CLOSE_ON_FREE, 512,
                                          (struct sockaddr *)&a, (int)n);
    if (!s->listener || getsockname(evconnlistener_get_fd(s->listener),
                                    (struct sockaddr *)&a, &n))
        abort();
    s->port = ntohs(a.sin_port);
}

static inline void raw_stop(struct raw_server *s)
{
    raw_close_all(s);
    evconnlistener_free(s->listener);
}

#endif
