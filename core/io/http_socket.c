/*
 * http_socket.c - libcurl's multi_socket interface on libevent. See http_int.h.
 *
 * A kept connection's socket stays registered with the loop between two
 * requests. If it becomes readable then (the peer closed it), it is taken out:
 * curl does not know of it at that moment and would never read it. Not so the
 * sockets by which curl's resolver wakes it: it closes them without
 * http_curl_closes(), and their numbers are used again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/http_int.h"

/* A socket of curl's, from its first use until curl closes it. */
struct sock {
    struct http *http;
    struct event *event;
    short what; /* EV_READ, EV_WRITE: registered for; 0: not registered */
    bool idle;  /* curl has no transfer on it */
    bool kept;  /* a connection's; others are curl's own, of its resolver */
};

static void sock_unregister(struct sock *s)
{
    if (s->what)
        event_del(s->event);
    s->what = 0;
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;
    struct http *http = s->http;
    int flags = 0, running;

    if (s->idle) {
        sock_unregister(s);
        return;
    }
    if (what & EV_READ)
        flags |= CURL_CSELECT_IN;
    if (what & EV_WRITE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(http->multi, fd, flags, &running);
    http_collect_finished(http);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    int running;

    (void)fd;
    (void)what;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    http_collect_finished(http);
}

static struct sock *sock_get(struct http *http, curl_socket_t fd)
{
    size_t i = (size_t)fd, n = http->nsocks;

    if (i >= n) {
        http->nsocks = i + 64;
        http->socks =
            xrealloc(http->socks, http->nsocks * sizeof(*http->socks));
        memset(http->socks + n, 0, (http->nsocks - n) * sizeof(*http->socks));
    }
    if (!http->socks[i]) {
        http->socks[i] = xalloc(sizeof(struct sock));
        http->socks[i]->http = http;
        http->socks[i]->event =
            event_new(http->loop->base, fd, 0, on_socket, http->socks[i]);
    }
    return http->socks[i];
}

static void sock_free(struct http *http, curl_socket_t fd)
{
    struct sock *s = http->socks[fd];

    sock_unregister(s);
    event_free(s->event);
    free(s);
    http->socks[fd] = NULL;
}

/* curl made a socket for a connection. */
int http_curl_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)purpose;
    sock_get(arg, fd)->kept = true;
    return CURL_SOCKOPT_OK;
}

static int curl_wants(CURL *easy, curl_socket_t fd, int action, void *arg,
                      void *unused)
{
    struct http *http = arg;
    struct sock *s = sock_get(http, fd);
    short what = 0;

    (void)easy;
    (void)unused;
    s->idle = action == CURL_POLL_REMOVE;
    /* What was never read from has not got connected: 7.88 closes such a socket
     * without http_curl_closes() (cf_socket_close in its cf-socket.c). */
    if (s->idle && !(s->kept && s->what & EV_READ))
        sock_free(http, fd);
    if (action == CURL_POLL_REMOVE)
        return 0; /* a kept one stays registered for the next request */
    if (action & CURL_POLL_IN)
        what |= EV_READ;
    if (action & CURL_POLL_OUT)
        what |= EV_WRITE;
    if (what == s->what)
        return 0;
    sock_unregister(s);
    event_assign(s->event, http->loop->base, fd, (short)(what | EV_PERSIST),
                 on_socket, s);
    event_add(s->event, NULL);
    s->what = what;
    return 0;
}

int http_curl_closes(void *arg, curl_socket_t fd)
{
    struct http *http = arg;
    size_t i = (size_t)fd;

    if (i < http->nsocks && http->socks[i])
        sock_free(http, fd);
    return close(fd);
}

static int curl_timer(CURLM *multi, long ms, void *arg)
{
    struct http *http = arg;
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    (void)multi;
    if (ms < 0)
        event_del(http->timer);
    else
        event_add(http->timer, &tv);
    return 0;
}

void http_sockets_init(struct http *http)
{
    http->timer = evtimer_new(http->loop->base, on_timeout, http);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, curl_wants);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, curl_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
}

void http_sockets_release(struct http *http)
{
    for (size_t i = 0; i < http->nsocks; i++)
        assert(!http->socks[i]);
    free(http->socks);
    event_free(http->timer);
}
