/*
 * webhook.c - see webhook.h.
 *
 * Deliveries stand in one list, oldest first. webhook_wake() arms a timer of 0 ms;
 * then pump() pulls updates from the owner and starts what may run: a
 * delivery that is not waiting for its next try, with none of its queue
 * before it.
 *
 *     pulled ──► sending ──► 2xx: gone
 *       ▲           │
 *       └─ resting ◄┘ anything else
 */
#include "simulator/webhook.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "simulator/params.h"

#define PULLED_MAX 200 /* at once: pump() compares each with those before it */

struct delivery {
    struct webhook *webhook;
    int64_t update_id;
    int group; /* of the queue: which kind of id it is. 0: none, any order */
    int64_t id;
    char *body;
    int64_t rest_ms;      /* after the next failure */
    struct http_op *http; /* sending */
    struct op *timer;     /* resting */
    TAILQ_ENTRY(delivery) link;
};

struct webhook {
    struct loop *loop;
    struct http *http;
    struct webhook_owner owner;
    char *url, *secret; /* secret: a whole header line, or NULL */
    int max_connections;
    int64_t timeout_ms, retry_first_ms;
    struct op *wake;
    TAILQ_HEAD(, delivery) list;
    int pulled, sending;
    int64_t last_id; /* of the updates pulled */
    time_t error_date;
    char error[300];
};

static void pump(struct webhook *w);

static void wake_done(struct op *op)
{
    struct webhook *w = op->arg;

    op_free(op);
    w->wake = NULL;
    pump(w);
}

void webhook_wake(struct webhook *w)
{
    if (w->wake)
        return;
    w->wake = timer_start(w->loop, 0);
    w->wake->done = wake_done;
    w->wake->arg = w;
}

struct webhook *webhook_new(struct loop *loop, struct http *http,
                            const struct webhook_options *options,
                            const struct webhook_owner *owner)
{
    struct webhook *w = xalloc(sizeof(*w));
    struct buf secret = BUF_INIT;

    w->loop = loop;
    w->http = http;
    w->owner = *owner;
    w->url = xstrdup(options->url);
    if (options->secret_token && *options->secret_token) {
        buf_addf(&secret, "X-Telegram-Bot-Api-Secret-Token: %s",
                 options->secret_token);
        w->secret = buf_detach(&secret);
    }
    w->max_connections =
        options->max_connections ? options->max_connections : 40;
    w->timeout_ms = options->timeout_ms ? options->timeout_ms : 60000;
    w->retry_first_ms =
        options->retry_first_ms ? options->retry_first_ms : 1000;
    TAILQ_INIT(&w->list);
    webhook_wake(w);
    return w;
}

static void delivery_free(struct delivery *d)
{
    struct webhook *w = d->webhook;

    TAILQ_REMOVE(&w->list, d, link);
    w->pulled--;
    if (d->http) {
        w->sending--;
        op_free(&d->http->op);
    }
    op_free(d->timer);
    free(d->body);
    free(d);
}

void webhook_free(struct webhook *w)
{
    if (!w)
        return;
    while (!TAILQ_EMPTY(&w->list))
        delivery_free(TAILQ_FIRST(&w->list));
    op_free(w->wake);
    free(w->url);
    free(w->secret);
    free(w);
}

static json_int_t id_in(const json_t *object, const char *key)
{
    return json_integer_value(
        json_object_get(json_object_get(object, key), "id"));
}

/* Which updates must keep their order: the messages of a chat; of all else,
 * those of one kind from one person. */
static void queue_of(struct delivery *d, const json_t *update)
{
    const char *kind;
    json_t *value;
    int n = 1;

    json_object_foreach((json_t *)update, kind, value)
    {
        if (!json_is_object(value))
            continue;
        if (strstr(kind, "message") == kind ||
            strstr(kind, "edited_") == kind ||
            strstr(kind, "channel_post") == kind) {
            d->group = 1;
            d->id = id_in(value, "chat");
            return;
        }
        for (const char *p = kind; *p; p++) /* any number for the kind */
            n = (n * 31 + *p) & 0xFFFFFF;
        d->group = n + 2;
        d->id = id_in(value, json_object_get(value, "from") ? "from" : "chat");
    }
    if (!d->id)
        d->group = 0;
}

static bool pull(struct webhook *w)
{
    const json_t *update = w->owner.next(w->last_id, w->owner.arg);
    struct delivery *d;

    if (!update)
        return false;
    d = xalloc(sizeof(*d));
    d->webhook = w;
    d->update_id = json_integer_value(json_object_get(update, "update_id"));
    d->body = json_dumps(update, JSON_COMPACT);
    d->rest_ms = w->retry_first_ms;
    queue_of(d, update);
    w->last_id = d->update_id;
    w->pulled++;
    TAILQ_INSERT_TAIL(&w->list, d, link);
    return true;
}

static bool may_send(const struct delivery *d)
{
    const struct delivery *before;

    if (d->http || d->timer)
        return false;
    if (!d->group)
        return true;
    TAILQ_FOREACH (before, &d->webhook->list, link) {
        if (before == d)
            return true;
        if (before->group == d->group && before->id == d->id)
            return false;
    }
    return true;
}

static void rest_done(struct op *op)
{
    struct delivery *d = op->arg;

    op_free(op);
    d->timer = NULL;
    pump(d->webhook);
}

static void failed(struct delivery *d, const char *why)
{
    struct webhook *w = d->webhook;

    w->error_date = time(NULL);
    snprintf(w->error, sizeof(w->error), "%s", why);
    d->timer = timer_start(w->loop, d->rest_ms);
    d->timer->done = rest_done;
    d->timer->arg = d;
    d->rest_ms *= 2;
    if (d->rest_ms > 60 * w->retry_first_ms)
        d->rest_ms = 60 * w->retry_first_ms;
}

/* The call in an answer's body; NULL: there is none. */
static json_t *call_in(const struct buf *body)
{
    size_t i = 0;
    json_t *params;

    while (i < body->len && isspace((unsigned char)body->data[i]))
        i++;
    if (i == body->len)
        return NULL;
    if (body->data[i] == '{') {
        params = json_loadb(body->data, body->len, JSON_ALLOW_NUL, NULL);
    } else {
        params = json_object();
        params_add_form(params, buf_slice(body));
    }
    if (json_is_string(json_object_get(params, "method")))
        return params;
    json_decref(params);
    return NULL;
}

/* The owner may free the webhook while it carries out the call, so nothing
 * comes after that. */
static void delivered(struct delivery *d)
{
    struct webhook *w = d->webhook;
    json_t *params = call_in(&d->http->body), *method;
    int64_t update_id = d->update_id;

    delivery_free(d);
    webhook_wake(w);
    w->owner.done(update_id, w->owner.arg);
    if (!params)
        return;
    method = json_incref(json_object_get(params, "method"));
    json_object_del(params, "method");
    w->owner.call(json_string_value(method), params, w->owner.arg);
    json_decref(method);
    json_decref(params);
}

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        { 301, "Moved Permanently" },  { 302, "Found" },
        { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
        { 400, "Bad Request" },        { 401, "Unauthorized" },
        { 403, "Forbidden" },          { 404, "Not Found" },
        { 405, "Method Not Allowed" }, { 413, "Payload Too Large" },
        { 429, "Too Many Requests" },  { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return "";
}

static void send_done(struct op *op)
{
    struct delivery *d = op->arg;
    struct webhook *w = d->webhook;
    char why[sizeof(w->error)];

    if (!op->err.kind && d->http->status / 100 == 2) {
        delivered(d);
        return;
    }
    if (op->err.kind == ERR_TIMEOUT)
        snprintf(why, sizeof(why), "Read timeout expired");
    else if (op->err.kind)
        snprintf(why, sizeof(why), "%.*s", (int)sizeof(why) - 1, op->err.text);
    else
        snprintf(why, sizeof(why), "Wrong response from the webhook: %d %s",
                 d->http->status, reason_phrase(d->http->status));
    op_free(op);
    d->http = NULL;
    w->sending--;
    failed(d, why);
    pump(w);
}

static void deliver(struct delivery *d)
{
    struct webhook *w = d->webhook;
    struct buf body = BUF_INIT;
    const char *headers[] = { w->secret, NULL };
    struct http_request req = { .method = "POST",
                                .url = w->url,
                                .body = &body,
                                .headers = headers,
                                .timeout_ms = w->timeout_ms };

    buf_adds(&body, d->body);
    d->http = http_start(w->http, &req);
    d->http->op.done = send_done;
    d->http->op.arg = d;
    w->sending++;
    buf_release(&body);
}

static void pump(struct webhook *w)
{
    struct delivery *d;

    while (w->pulled < PULLED_MAX && pull(w))
        continue;
    TAILQ_FOREACH (d, &w->list, link) {
        if (w->sending >= w->max_connections)
            break;
        if (may_send(d))
            deliver(d);
    }
}

const char *webhook_url(const struct webhook *w)
{
    return w->url;
}

void webhook_info(const struct webhook *w, json_t *info)
{
    json_object_set_new(info, "url", json_string(w->url));
    json_object_set_new(info, "has_custom_certificate", json_false());
    json_object_set_new(info, "max_connections",
                        json_integer(w->max_connections));
    if (!w->error_date)
        return;
    json_object_set_new(info, "last_error_date",
                        json_integer((json_int_t)w->error_date));
    json_object_set_new(info, "last_error_message", json_string(w->error));
}
