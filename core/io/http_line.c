/* http_line.c - requests that wait for a free connection: see http_int.h. */
#include <string.h>

#include "io/http_int.h"

void http_leave_line(struct http_pending *p)
{
    if (p->in_line)
        TAILQ_REMOVE(&p->http->waiting, p, link);
    p->in_line = false;
    if (p->patience)
        event_free(p->patience);
    p->patience = NULL;
}

static void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
    struct http_pending *p = arg;

    (void)fd;
    (void)what;
    http_leave_line(p);
    err_set(&p->pub.op.err, ERR_TIMEOUT,
            "timed out waiting for a free connection");
    http_tell_ended(p, HTTP_TIMED_OUT);
    op_complete(&p->pub.op);
}

/* There is no free connection: wait in line, but no longer than the deadline. */
void http_wait_in_line(struct http_pending *p)
{
    int64_t ms = p->deadline - loop_real_ms();
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    p->patience = evtimer_new(p->http->loop->base, on_patience_over, p);
    event_add(p->patience, &tv);
}

static bool may_go(const struct http *http, const struct http_pending *p)
{
    const struct http_pending *other;
    int to_host = 0, of_owner = 0;

    TAILQ_FOREACH (other, &http->running, link) {
        to_host += p->host && other->host && !strcmp(other->host, p->host);
        of_owner += p->owner && other->owner == p->owner;
    }
    return (!http->host_max || to_host < http->host_max) &&
           (!http->owner_max || of_owner < http->owner_max);
}

/* Who has waited longest, of those whose host and owner may have one more. */
static struct http_pending *next_in_line(struct http *http)
{
    struct http_pending *p;

    TAILQ_FOREACH (p, &http->waiting, link)
        if (may_go(http, p))
            return p;
    return NULL;
}

void http_start_waiting(struct http *http)
{
    struct http_pending *p;

    while (http->active < http->connections_max && (p = next_in_line(http))) {
        http_leave_line(p);
        http_activate(http, p);
    }
}

int http_waiting(const struct http *http)
{
    const struct http_pending *p;
    int n = 0;

    TAILQ_FOREACH (p, &http->waiting, link)
        n++;
    return n;
}
