/* sites.c - see sites.h. */
#include "testing/sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)64 << 20) /* bytes that a bot sends to a site */

/* An answer that comes later. */
struct held {
    struct sites *sites;
    struct httpd_request *req;
    int64_t number; /* of the client's request */
    struct op *timer;
    struct site_answer answer; /* its texts are its own */
    char **headers;
    TAILQ_ENTRY(held) link;
};

struct sites {
    struct loop *loop;
    struct httpd *httpd;
    struct http *client; /* the bot's; NULL: it has none now */
    httpd_handler_fn fn;
    void *arg;
    TAILQ_HEAD(, held) held;
};

static void on_request(struct httpd_request *req, void *arg)
{
    struct sites *sites = arg;

    if (sites->fn)
        sites->fn(req, sites->arg);
    else
        httpd_reply(req, 404, NULL, SLICE_NONE);
}

/* --- answering ------------------------------------------------------------------- */

static int64_t number_of(const struct httpd_request *req)
{
    const char *number = httpd_header(req, HTTP_NUMBER);

    return number ? strtoll(number, NULL, 10) : 0;
}

static void answer_now(struct sites *sites, struct httpd_request *req,
                       int64_t number, const struct site_answer *a)
{
    static const enum http_break breaks[] = {
        [SITE_DROPS] = HTTP_BREAK_LOST,
        [SITE_REFUSES] = HTTP_BREAK_REFUSED,
        [SITE_TIMES_OUT] = HTTP_BREAK_TIMEOUT,
    };

    if (a->end == SITE_REPLIES) {
        httpd_reply(req, a->status, a->headers, a->body);
        return;
    }
    /* Not by the socket: curl asks once more where a connection that it has used
     * before breaks. */
    http_break(sites->client, number, breaks[a->end]);
    httpd_drop(req);
}

static void held_free(struct held *h)
{
    TAILQ_REMOVE(&h->sites->held, h, link);
    op_free(h->timer);
    for (char **s = h->headers; s && *s; s++)
        free(*s);
    free(h->headers);
    free((char *)h->answer.body.p);
    free(h);
}

static void on_time(struct op *op)
{
    struct held *h = op->arg;

    answer_now(h->sites, h->req, h->number, &h->answer);
    held_free(h);
}

/* Who asked waits no more. */
static void on_gone(struct httpd_request *req, void *arg)
{
    held_free(arg);
    httpd_drop(req);
}

static char **copy_headers(const char *const *headers)
{
    size_t n = 0;
    char **copy;

    while (headers && headers[n])
        n++;
    copy = xalloc((n + 1) * sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(headers[i]);
    return copy;
}

static void hold(struct sites *sites, struct httpd_request *req,
                 const struct site_answer *answer)
{
    struct held *h = xalloc(sizeof(*h));
    char *body = xalloc(answer->body.n + 1);
    int64_t ms = answer->slow_ms, left;

    *h = (struct held){
        .sites = sites, .req = req, .number = number_of(req), .answer = *answer
    };
    h->headers = copy_headers(answer->headers);
    h->answer.headers = (const char *const *)h->headers;
    if (answer->body.n)
        memcpy(body, answer->body.p, answer->body.n);
    h->answer.body.p = body;
    left = http_left_ms(sites->client, h->number);
    if (left >= 0 && left <= ms) {
        ms = left;
        h->answer.end = SITE_TIMES_OUT;
    }
    h->timer = timer_start(sites->loop, ms);
    h->timer->done = on_time;
    h->timer->arg = h;
    TAILQ_INSERT_TAIL(&sites->held, h, link);
    httpd_on_gone(req, on_gone, h);
}

void sites_answer(struct sites *sites, struct httpd_request *req,
                  const struct site_answer *answer)
{
    if (answer->slow_ms > 0 && sites->client)
        hold(sites, req, answer);
    else
        answer_now(sites, req, number_of(req), answer);
}

int sites_held(const struct sites *sites)
{
    const struct held *h;
    int n = 0;

    TAILQ_FOREACH (h, &sites->held, link)
        n += http_left_ms(sites->client, h->number) >= 0;
    return n;
}

/* --- its life ---------------------------------------------------------------------- */

void sites_on_request(struct sites *sites, httpd_handler_fn fn, void *arg)
{
    sites->fn = fn;
    sites->arg = arg;
}

void sites_divert(struct sites *sites, struct http *http)
{
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/",
             httpd_port(sites->httpd));
    http_divert(http, url);
    sites->client = http;
}

void sites_forget(struct sites *sites)
{
    struct held *h;

    while ((h = TAILQ_FIRST(&sites->held))) {
        httpd_drop(h->req);
        held_free(h);
    }
    sites->client = NULL;
}

struct sites *sites_new(struct loop *loop, struct err *err)
{
    struct httpd_options options = { .address = "127.0.0.1",
                                     .body_max = BODY_MAX };
    struct sites *sites = xalloc(sizeof(*sites));

    TAILQ_INIT(&sites->held);
    sites->loop = loop;
    sites->httpd = httpd_start(loop, &options, on_request, sites, err);
    if (sites->httpd)
        return sites;
    free(sites);
    return NULL;
}

void sites_free(struct sites *sites)
{
    if (!sites)
        return;
    sites_forget(sites);
    httpd_free(sites->httpd);
    free(sites);
}
