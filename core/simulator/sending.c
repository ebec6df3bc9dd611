/* sending.c - see sending.h. */
#include "simulator/sending.h"

#include <stdlib.h>

#include "io/loop.h"

#define LOOK_MS 2 /* nothing says when a client has taken what it was sent */

struct sending {
    struct sendings *list;
    struct loop *loop;
    struct httpd_request *req;
    struct text *data;
    size_t at;
    struct op *timer;
    TAILQ_ENTRY(sending) link;
};

static void sending_free(struct sending *s)
{
    TAILQ_REMOVE(s->list, s, link);
    op_free(s->timer);
    text_unref(s->data);
    free(s);
}

static void on_timer(struct op *op);

/* A client that has gone takes nothing, and nothing is pending: it ends soon. */
static void send_more(struct sending *s)
{
    size_t pending = httpd_stream_pending(s->req), n;

    if (pending < SENDING_BYTES) {
        n = s->data->len - s->at;
        if (n > SENDING_BYTES - pending)
            n = SENDING_BYTES - pending;
        httpd_stream_add(s->req, (struct slice){ s->data->data + s->at, n });
        s->at += n;
    }
    if (s->at == s->data->len) {
        httpd_stream_end(s->req);
        sending_free(s);
        return;
    }
    s->timer = timer_start(s->loop, LOOK_MS);
    s->timer->done = on_timer;
    s->timer->arg = s;
}

static void on_timer(struct op *op)
{
    struct sending *s = op->arg;

    op_free(op);
    s->timer = NULL;
    send_more(s);
}

void sending_start(struct sendings *list, struct loop *loop,
                   struct httpd_request *req, struct text *data)
{
    struct sending *s = xalloc(sizeof(*s));

    s->list = list;
    s->loop = loop;
    s->req = req;
    s->data = text_ref(data);
    TAILQ_INSERT_TAIL(list, s, link);
    httpd_stream_begin(req, 200,
                       (const char *const[]){
                           "Content-Type", "application/octet-stream",
                           "Content-Disposition", "attachment",
                           "X-Content-Type-Options", "nosniff", NULL });
    send_more(s);
}

void sendings_drop(struct sendings *list)
{
    struct sending *s;

    while ((s = TAILQ_FIRST(list))) {
        httpd_stream_end(s->req);
        sending_free(s);
    }
}
