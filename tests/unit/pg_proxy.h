/*
 * pg_proxy.h - for tests of lost connections: a proxy before PostgreSQL, in the
 * test's own loop, that cuts a connection at an exact place.
 *
 * When a client's bytes have the mark in them, `cuts` times:
 *   CUT_BEFORE  the server never sees them
 *   CUT_SENT    the server gets them, the client is cut off at once
 *   CUT_ANSWER  the client is cut off when the server has answered all of them
 */
#ifndef TESTS_PG_PROXY_H
#define TESTS_PG_PROXY_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <libpq-fe.h>

#include "io/loop.h"

enum pg_cut { CUT_BEFORE, CUT_SENT, CUT_ANSWER };

struct pg_proxy;

struct pg_proxied {
    struct pg_proxy *proxy;
    struct bufferevent *client, *server;
    bool marked; /* to be cut when the server has answered */
};

#define PG_PROXIED_MAX 20 /* at once */

struct pg_proxy {
    struct evconnlistener *listener;
    struct sockaddr_un server;
    struct pg_proxied connections[PG_PROXIED_MAX];
    int port, accepted;
    bool refuse; /* close what is accepted at once */
    const char *mark;
    enum pg_cut how;
    int cuts;             /* still to be made */
    int made;             /* so far */
    bool refuse_after;    /* the last cut begins refusing */
    void (*on_cut)(void); /* or NULL: right after each */
};

static inline void pg_proxy_close(struct pg_proxied *c)
{
    if (c->client)
        bufferevent_free(c->client);
    if (c->server)
        bufferevent_free(c->server);
    c->client = c->server = NULL;
}

static inline void pg_proxy_cut(struct pg_proxied *c)
{
    struct pg_proxy *proxy = c->proxy;

    pg_proxy_close(c);
    proxy->made++;
    if (proxy->cuts == 0 && proxy->refuse_after)
        proxy->refuse = true;
    if (proxy->on_cut)
        proxy->on_cut();
}

/* Now, past the loop: closing would lose it. */
static inline void pg_proxy_send(struct bufferevent *to, struct evbuffer *in)
{
    size_t n = evbuffer_get_length(in);

    if (send(bufferevent_getfd(to), evbuffer_pullup(in, -1), n, MSG_NOSIGNAL) !=
        (ssize_t)n)
        abort();
    evbuffer_drain(in, n);
}

static inline void pg_proxy_on_client(struct bufferevent *bev, void *arg)
{
    struct pg_proxied *c = arg;
    struct pg_proxy *proxy = c->proxy;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(in);
    bool marked = proxy->cuts > 0 && memmem(evbuffer_pullup(in, -1), n,
                                            proxy->mark, strlen(proxy->mark));

    proxy->cuts -= marked;
    if (!marked || proxy->how == CUT_ANSWER) {
        c->marked = marked;
        bufferevent_write_buffer(c->server, in);
        return;
    }
    if (proxy->how == CUT_SENT)
        pg_proxy_send(c->server, in);
    pg_proxy_cut(c);
}

/* ReadyForQuery: idle. */
static inline void pg_proxy_on_server(struct bufferevent *bev, void *arg)
{
    static const char ready[] = { 'Z', 0, 0, 0, 5, 'I' };
    struct pg_proxied *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(in);
    const unsigned char *p = evbuffer_pullup(in, -1);

    if (!c->marked) {
        bufferevent_write_buffer(c->client, in);
        return;
    }
    if (n >= sizeof(ready) &&
        memcmp(p + n - sizeof(ready), ready, sizeof(ready)) == 0)
        pg_proxy_cut(c);
}

static inline void pg_proxy_on_event(struct bufferevent *bev, short what,
                                     void *arg)
{
    struct pg_proxied *c = arg;
    struct evbuffer *out;

    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    if (bev == c->server && !c->marked) { /* its last words */
        out = bufferevent_get_output(c->client);
        send(bufferevent_getfd(c->client), evbuffer_pullup(out, -1),
             evbuffer_get_length(out), MSG_NOSIGNAL);
    }
    pg_proxy_close(c);
}

static inline void pg_proxy_on_accept(struct evconnlistener *listener, int fd,
                                      struct sockaddr *addr, int len, void *arg)
{
    struct event_base *base = evconnlistener_get_base(listener);
    struct pg_proxy *proxy = arg;
    struct pg_proxied *c = proxy->connections;

    (void)addr, (void)len;
    if (proxy->refuse) {
        evutil_closesocket(fd);
        return;
    }
    proxy->accepted++;
    while (c->client)
        if (++c == proxy->connections + PG_PROXIED_MAX)
            abort();
    *c = (struct pg_proxied){
        .proxy = proxy,
        .client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE),
        .server = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE),
    };
    bufferevent_setcb(c->client, pg_proxy_on_client, NULL, pg_proxy_on_event,
                      c);
    bufferevent_setcb(c->server, pg_proxy_on_server, NULL, pg_proxy_on_event,
                      c);
    if (bufferevent_socket_connect(c->server, (struct sockaddr *)&proxy->server,
                                   sizeof(proxy->server)))
        abort();
    bufferevent_enable(c->client, EV_READ | EV_WRITE);
    bufferevent_enable(c->server, EV_READ | EV_WRITE);
}

/* Where the server of this url has its socket. */
static inline void pg_proxy_find_server(struct pg_proxy *proxy, const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL), *o;
    const char *host = "", *port = "5432";

    for (o = options; o && o->keyword; o++) {
        if (o->val && !strcmp(o->keyword, "host"))
            host = o->val;
        if (o->val && !strcmp(o->keyword, "port"))
            port = o->val;
    }
    proxy->server.sun_family = AF_UNIX;
    snprintf(proxy->server.sun_path, sizeof(proxy->server.sun_path),
             "%s/.s.PGSQL.%s", host, port);
    PQconninfoFree(options);
}

/* Listens on a port of 127.0.0.1. */
static inline void pg_proxy_start(struct pg_proxy *proxy, struct loop *loop,
                                  const char *url)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);

    *proxy = (struct pg_proxy){ 0 };
    pg_proxy_find_server(proxy, url);
    proxy->listener =
        evconnlistener_new_bind(loop_base(loop), pg_proxy_on_accept, proxy,
                                LEV_OPT_CLOSE_ON_FREE, 16,
                                (struct sockaddr *)&a, (int)n);
    if (!proxy->listener || getsockname(evconnlistener_get_fd(proxy->listener),
                                        (struct sockaddr *)&a, &n))
        abort();
    proxy->port = ntohs(a.sin_port);
}

/* Before the loop is freed. */
static inline void pg_proxy_stop(struct pg_proxy *proxy)
{
    for (int i = 0; i < PG_PROXIED_MAX; i++)
        pg_proxy_close(&proxy->connections[i]);
    evconnlistener_free(proxy->listener);
}

#endif
