/*
 * host_webhook.c - see host_webhook.h.
 *
 * A handler's last call, if it is one of those in script/call_answer.h, goes to
 * Telegram in the answer to its update: it is kept with the delivery until the
 * intake says that the update is done. If the handler goes on to wait for
 * something, or Telegram has hung up, it leaves as a call of its own.
 */
#include "bot/host_webhook.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/host_http.h"
#include "bot/host_metrics.h"
#include "script/call_answer.h"
#include "telegram/webhook.h"

#define UPDATE_DEPTH_MAX 128

/* An update that has come and is not answered. */
struct delivery {
    struct host_webhook *webhook;
    struct httpd_request *req;
    int64_t update_id; /* 0: it can't be read */
    bool gone;         /* Telegram has hung up */
    bool found;        /* by its number: stands in by_id */
    const char *method;
    struct buf params; /* of the call in the answer; empty: none */
    TAILQ_ENTRY(delivery) link;
    UT_hash_handle hh;
};

struct host_webhook {
    struct host *host;
    struct tg_webhook *tg;
    bool taking;
    struct call_answering answering;
    TAILQ_HEAD(, delivery) deliveries;
    struct delivery *by_id;
};

/* --- calls in answers ------------------------------------------------------------ */

static struct delivery *find(struct host_webhook *w, int64_t update_id)
{
    struct delivery *d;

    HASH_FIND(hh, w->by_id, &update_id, sizeof(update_id), d);
    return d;
}

static bool keep(int64_t update_id, const char *method, struct slice params,
                 void *arg)
{
    struct delivery *d = find(arg, update_id);

    if (!d || d->gone || d->params.len || params.n < 2)
        return false;
    d->method = method;
    buf_add_slice(&d->params, params);
    return true;
}

/* The kept call goes its own way. */
static void send_kept(struct delivery *d)
{
    struct host *host = d->webhook->host;

    if (!d->params.len)
        return;
    host_errand(host, d->method, &d->params);
    buf_reset(&d->params);
}

static void send_now(int64_t update_id, void *arg)
{
    struct delivery *d = find(arg, update_id);

    if (d)
        send_kept(d);
}

/* {"a":1} → {"method":"answerCallbackQuery","a":1} */
static void add_call(struct buf *out, const struct delivery *d)
{
    bool empty = json_is_empty(buf_slice(&d->params));

    buf_addf(out, "{\"method\":\"%s\"%s", d->method, empty ? "" : ",");
    buf_add(out, d->params.data + 1, d->params.len - 1);
}

/* --- deliveries --------------------------------------------------------------------- */

static void delivery_free(struct delivery *d)
{
    if (d->found)
        HASH_DEL(d->webhook->by_id, d);
    TAILQ_REMOVE(&d->webhook->deliveries, d, link);
    buf_release(&d->params);
    free(d);
}

static void answer(struct delivery *d, int status, const char *text)
{
    static const char *const plain[] = { "Content-Type", "text/plain", NULL };
    static const char *const json[] = { "Content-Type", "application/json",
                                        NULL };
    struct sender *sender = d->webhook->host->sender;
    struct buf call = BUF_INIT;

    if (d->params.len && status == 200 && !d->gone &&
        send_elsewhere(sender, &(struct tg_call){ .method = d->method,
                                                  .body = &d->params })) {
        add_call(&call, d);
        host_metrics_webhook_call();
        httpd_reply(d->req, status, json, buf_slice(&call));
    } else {
        send_kept(d);
        httpd_reply(d->req, status, plain, slice_of(text));
    }
    buf_release(&call);
    delivery_free(d);
}

static void on_answer(enum intake_answer how, void *arg)
{
    struct delivery *d = arg;

    host_metrics_webhook(how);
    switch (how) {
    case INTAKE_BAD: /* it would come again for ever, and hold up its chat */
    case INTAKE_DONE:
    case INTAKE_SAVED: answer(d, 200, ""); break;
    case INTAKE_FULL:
        answer(d, 503, "too many updates at the moment, or stopping\n");
        break;
    }
}

static void on_gone(struct httpd_request *req, void *arg)
{
    struct delivery *d = arg;

    (void)req;
    d->gone = true;
    send_kept(d);
}

static void on_request(struct httpd_request *req, void *arg)
{
    struct host_webhook *w = arg;
    struct err err = ERR_INIT;
    struct delivery *d;

    if (!json_check(httpd_body(req), UPDATE_DEPTH_MAX, &err)) {
        log_warn("webhook", "what came with our secret is no JSON: %s",
                 err.text);
        httpd_reply(req, 400, NULL, slice_of("not JSON\n"));
        return;
    }
    d = xalloc(sizeof(*d));
    d->webhook = w;
    d->req = req;
    buf_init(&d->params);
    TAILQ_INSERT_TAIL(&w->deliveries, d, link);
    if (json_to_int(json_get(httpd_body(req), "update_id"), &d->update_id) &&
        !find(w, d->update_id)) {
        HASH_ADD(hh, w->by_id, update_id, sizeof(d->update_id), d);
        d->found = true;
    }
    httpd_on_gone(req, on_gone, d);
    intake_push(w->host->intake, httpd_body(req), on_answer, d);
}

/* Strangers learn nothing, not even whether we work. */
static int check(const struct httpd_request *req, void *arg)
{
    const struct host_webhook *w = arg;

    if (!tg_webhook_knows(w->tg,
                          httpd_header(req, "X-Telegram-Bot-Api-Secret-Token")))
        return 401;
    return w->taking ? 0 : 503;
}

/* --- the host's life ----------------------------------------------------------------- */

static void on_refused(const char *why, void *arg)
{
    host_fail(arg, why);
}

static bool open_port(struct host *host, struct err *err)
{
    struct host_webhook *w = host->webhook;
    const char *path = tg_webhook_path(w->tg);

    if (strcmp(path, "/healthz") == 0 || strcmp(path, "/metrics") == 0)
        return err_set(err, ERR_USAGE,
                       "WEBHOOK_URL: the path %s is taken by something else",
                       path);
    host->port = host_http_open(host->loop, "0.0.0.0", host->settings->port,
                                host->settings->request_timeout_s, err);
    if (!host->port)
        return false;
    host_http_add(host->port, &(struct host_http_route){ .path = path,
                                                         .post = true,
                                                         .check = check,
                                                         .handler = on_request,
                                                         .arg = w });
    host_health_serve(host, host->port);
    host_metrics_serve(host, host->port);
    log_info("webhook", "listening on port %d", host_http_port(host->port));
    return true;
}

bool host_webhook_open(struct host *host, struct err *err)
{
    const struct settings *s = host->settings;
    struct host_webhook *w;

    if (!s->webhook_url)
        return true;
    w = xalloc(sizeof(*w));
    host->webhook = w;
    w->host = host;
    TAILQ_INIT(&w->deliveries);
    w->tg =
        tg_webhook_new(host->loop, host->tg,
                       &(struct tg_webhook_options){
                           .url = s->webhook_url,
                           .secret = s->webhook_secret,
                           .token = host->options.token ? host->options.token
                                                        : s->bot_token,
                           .max_connections = s->webhook_connections,
                           .refused = on_refused,
                           .arg = host,
                       },
                       err);
    if (!w->tg || !open_port(host, err))
        return false;
    w->answering = (struct call_answering){ keep, send_now, w };
    if (s->webhook_reply)
        host->services.answering = &w->answering;
    return true;
}

void host_webhook_begin(struct host *host)
{
    if (!host->webhook)
        return;
    host->webhook->taking = true;
    tg_webhook_register(host->webhook->tg);
}

void host_webhook_allow(struct host *host, const char *allowed_updates)
{
    if (host->webhook)
        tg_webhook_allow(host->webhook->tg, allowed_updates);
}

void host_webhook_stop(struct host *host)
{
    if (!host->webhook)
        return;
    host->webhook->taking = false;
    tg_webhook_stop(host->webhook->tg);
}

const char *host_webhook_trouble(const struct host *host)
{
    return host->webhook ? tg_webhook_trouble(host->webhook->tg) : NULL;
}

void host_webhook_free(struct host *host)
{
    struct host_webhook *w = host->webhook;

    host_http_free(host->port); /* and its requests */
    host->port = NULL;
    if (!w)
        return;
    while (!TAILQ_EMPTY(&w->deliveries))
        delivery_free(TAILQ_FIRST(&w->deliveries));
    tg_webhook_free(w->tg);
    free(w);
    host->webhook = NULL;
    host->services.answering = NULL;
}
