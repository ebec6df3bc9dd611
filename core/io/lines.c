/* lines.c - see lines.h. */
#include "io/lines.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/loop.h"

struct line_client {
    struct lines *lines;
    struct bufferevent *bev;
    void *data;
    bool busy, closed; /* closed while its line is looked at */
    TAILQ_ENTRY(line_client) link;
};

struct lines {
    struct lines_options options;
    struct event_base *base;
    char *path;
    struct evconnlistener *listener;
    TAILQ_HEAD(, line_client) clients;
    int nclients;
};

void lines_close(struct line_client *c)
{
    c->closed = true;
    if (c->busy)
        return;
    c->lines->options.gone(c, c->lines->options.arg);
    TAILQ_REMOVE(&c->lines->clients, c, link);
    c->lines->nclients--;
    bufferevent_free(c->bev);
    free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev, (void)what; /* it has ended, or failed: the same to us */
    lines_close(arg);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct line_client *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    char *text;
    size_t n;

    c->busy = true;
    while (!c->closed && (text = evbuffer_readln(in, &n, EVBUFFER_EOL_LF))) {
        c->lines->options.line(c, (struct slice){ text, n },
                               c->lines->options.arg);
        free(text);
    }
    c->busy = false;
    if (c->closed || evbuffer_get_length(in) > LINES_MAX)
        lines_close(c);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *addr, int len, void *arg)
{
    struct lines *lines = arg;
    struct line_client *c;

    (void)listener, (void)addr, (void)len;
    if (lines->nclients == LINES_CLIENTS_MAX) {
        evutil_closesocket(fd);
        return;
    }
    c = xalloc(sizeof(*c));
    c->lines = lines;
    c->bev = bufferevent_socket_new(lines->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(c->bev, on_readable, NULL, on_event, c);
    /* more than a line is not read before it is looked at */
    bufferevent_setwatermark(c->bev, EV_READ, 0, 2 * LINES_MAX);
    TAILQ_INSERT_TAIL(&lines->clients, c, link);
    lines->nclients++;
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* --- the socket -------------------------------------------------------------------- */

static bool is_listening(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = fd >= 0 && connect(fd, (const struct sockaddr *)addr,
                                      sizeof(*addr)) == 0;

    if (fd >= 0)
        close(fd);
    return listens;
}

static bool is_socket(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool bind_at(struct lines *lines, struct sockaddr_un *addr,
                    struct err *err)
{
    mode_t mask;

    if (is_listening(addr))
        return err_set(err, ERR_USAGE, "%s: another process listens there",
                       lines->path);
    if (is_socket(lines->path))
        unlink(lines->path);
    mask = umask(0177);
    lines->listener =
        evconnlistener_new_bind(lines->base, on_accept, lines,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                LINES_CLIENTS_MAX, (struct sockaddr *)addr,
                                (int)sizeof(*addr));
    umask(mask);
    if (!lines->listener)
        err_set(err, ERR_SYSTEM, "%s: %s", lines->path, strerror(errno));
    return lines->listener != NULL;
}

struct lines *lines_new(struct loop *loop, const struct lines_options *options,
                        struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct lines *lines;

    if (strlen(options->path) >= sizeof(addr.sun_path)) {
        err_set(err, ERR_USAGE, "%s: too long for a socket's path (%zu bytes)",
                options->path, sizeof(addr.sun_path) - 1);
        return NULL;
    }
    strcpy(addr.sun_path, options->path);
    lines = xalloc(sizeof(*lines));
    lines->options = *options;
    lines->base = loop_base(loop);
    lines->path = xstrdup(options->path);
    TAILQ_INIT(&lines->clients);
    if (bind_at(lines, &addr, err))
        return lines;
    lines_free(lines);
    return NULL;
}

void lines_free(struct lines *lines)
{
    struct line_client *c;

    if (!lines)
        return;
    while ((c = TAILQ_FIRST(&lines->clients)))
        lines_close(c);
    if (lines->listener) {
        evconnlistener_free(lines->listener);
        unlink(lines->path);
    }
    free(lines->path);
    free(lines);
}

void lines_send(struct line_client *c, struct slice text)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);

    if (c->closed || evbuffer_get_length(out) > LINES_UNREAD_MAX)
        return;
    bufferevent_write(c->bev, text.p, text.n);
    bufferevent_write(c->bev, "\n", 1);
}

void lines_set_data(struct line_client *c, void *data)
{
    c->data = data;
}

void *lines_data(const struct line_client *c)
{
    return c->data;
}
