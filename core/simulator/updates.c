/*
 * updates.c - see updates.h. The rules are those of the getUpdates and
 * setWebhook pages and of the Bot API server's behaviour: an offset confirms
 * what is below it, a second poller ends the first, allowed_updates stays until
 * given again and counts when an update is queued.
 */
#include "simulator/updates.h"

#include <stdlib.h>
#include <string.h>

#include "simulator/call.h"
#include "simulator/webhook.h"

#define KEEP_MS (24LL * 3600 * 1000)
#define CONNECTED_MS 10000

struct update {
    int64_t id, place, time_ms;
    struct text *text;
    json_t *json; /* made when a webhook asks for it */
    TAILQ_ENTRY(update) link;
};

struct updates {
    struct simulator *sim;
    struct bot *bot;
    TAILQ_HEAD(, update) queue;
    size_t n;
    int64_t next_id;
    uint32_t allowed; /* a bit for each of the kinds */
    bool allowed_given;
    struct call *poll; /* the getUpdates that waits, or NULL */
    int64_t polled_ms;
    struct webhook *webhook;
};

static const char *const kinds[] = {
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "subscription",
    "stopped_message_generation",
};

static uint32_t kind_bit(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return UINT32_C(1) << i;
    return 0;
}

static uint32_t default_kinds(void)
{
    return ~(kind_bit("chat_member") | kind_bit("message_reaction") |
             kind_bit("message_reaction_count"));
}

/* --- the queue ---------------------------------------------------------------- */

struct updates *updates_new(struct simulator *sim, struct bot *bot)
{
    struct updates *u = xalloc(sizeof(*u));

    u->sim = sim;
    u->bot = bot;
    u->next_id = sim->first_update_id;
    u->allowed = default_kinds();
    TAILQ_INIT(&u->queue);
    return u;
}

static void remove_update(struct updates *u, struct update *update)
{
    TAILQ_REMOVE(&u->queue, update, link);
    u->n--;
    text_unref(update->text);
    json_decref(update->json);
    free(update);
}

/* The bot has it. */
static void confirm(struct updates *u, struct update *update)
{
    int64_t place = update->place, id = update->id;

    remove_update(u, update);
    feed_update_done(u->sim->feed, place, id);
}

void updates_drop_pending(struct updates *u)
{
    while (!TAILQ_EMPTY(&u->queue))
        remove_update(u, TAILQ_FIRST(&u->queue));
}

void updates_free(struct updates *u)
{
    if (!u)
        return;
    webhook_free(u->webhook);
    if (u->poll)
        call_drop(u->poll);
    updates_drop_pending(u);
    free(u);
}

static void drop_old(struct updates *u)
{
    struct update *update;
    int64_t oldest = now_ms() - KEEP_MS;

    while ((update = TAILQ_FIRST(&u->queue)) && update->time_ms < oldest)
        remove_update(u, update);
}

static void answer_poll(struct updates *u);

static int64_t push(struct updates *u, struct slice text, struct slice shown)
{
    struct update *update = xalloc(sizeof(*update));

    update->id = u->next_id++;
    update->time_ms = now_ms();
    update->text = text_new(text);
    TAILQ_INSERT_TAIL(&u->queue, update, link);
    u->n++;
    update->place = feed_update(u->sim->feed, u->bot->id, update->id, shown);
    drop_old(u);
    if (u->poll)
        answer_poll(u);
    if (u->webhook)
        webhook_wake(u->webhook);
    return u->next_id - 1;
}

int64_t updates_push(struct updates *u, const char *kind, struct slice object)
{
    struct buf out = BUF_INIT;
    int64_t id;

    if (!(u->allowed & kind_bit(kind)))
        return 0;
    buf_reserve(&out, object.n + 64);
    buf_addf(&out, "{\"update_id\":%lld,\"%s\":", (long long)u->next_id, kind);
    buf_add_slice(&out, object);
    buf_addc(&out, '}');
    id = push(u, buf_slice(&out), buf_slice(&out));
    buf_release(&out);
    return id;
}

int64_t updates_push_update(struct updates *u, const json_t *update)
{
    json_t *whole = json_pack("{s:I}", "update_id", (json_int_t)u->next_id);
    struct buf out = BUF_INIT;
    int64_t id;

    json_object_update_missing(whole, (json_t *)update);
    json_add(&out, whole);
    json_decref(whole);
    id = push(u, buf_slice(&out), buf_slice(&out));
    buf_release(&out);
    return id;
}

int64_t updates_push_raw(struct updates *u, struct slice text)
{
    struct buf out = BUF_INIT, shown = BUF_INIT;
    json_t *object;
    int64_t id;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '@')
            buf_add_int(&out, u->next_id);
        else
            buf_addc(&out, text.p[i]);
    }
    object = json_pack("{s:I, s:o}", "update_id", (json_int_t)u->next_id, "raw",
                       json_stringn(out.data, out.len));
    if (object)
        json_add(&shown, object);
    else
        buf_adds(&shown, "null");
    json_decref(object);
    id = push(u, buf_slice(&out), buf_slice(&shown));
    buf_release(&out);
    buf_release(&shown);
    return id;
}

bool updates_connected(const struct updates *u)
{
    return u->webhook || u->poll ||
           (u->polled_ms && now_ms() - u->polled_ms < CONNECTED_MS);
}

/* --- getUpdates --------------------------------------------------------------- */

static void take_allowed(struct updates *u, const json_t *params)
{
    const json_t *list = json_object_get(params, "allowed_updates"), *kind;
    uint32_t bits = 0;
    size_t i;

    if (!json_is_array(list))
        return;
    json_array_foreach(list, i, kind)
    {
        const char *name = json_string_value(kind);

        bits |= name ? kind_bit(name) : 0;
    }
    u->allowed_given = json_array_size(list) > 0;
    u->allowed = u->allowed_given ? bits : default_kinds();
}

static void take_offset(struct updates *u, int64_t offset)
{
    struct update *update;

    drop_old(u);
    if (offset < 0) {
        while (u->n > 0 && u->n > (uint64_t)-offset)
            confirm(u, TAILQ_FIRST(&u->queue));
        return;
    }
    while ((update = TAILQ_FIRST(&u->queue)) && update->id < offset)
        confirm(u, update);
}

static int64_t clamp(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

static void say_updates(struct updates *u, struct call *c)
{
    int64_t limit = clamp(json_int(c->params, "limit", 100), 1, 100);
    struct update *update;
    const char *sep = "";

    c->status = 200;
    buf_reset(&c->response);
    buf_adds(&c->response, "{\"ok\":true,\"result\":[");
    TAILQ_FOREACH (update, &u->queue, link) {
        if (limit-- == 0)
            break;
        buf_adds(&c->response, sep);
        buf_add_slice(&c->response, text_slice(update->text));
        sep = ",\n";
    }
    buf_adds(&c->response, "]}");
}

bool updates_polled(const struct updates *u)
{
    return u->poll != NULL;
}

static void forget_poll(struct call *c)
{
    c->bot->updates->poll = NULL;
}

static void answer_poll(struct updates *u)
{
    struct call *c = u->poll;

    u->poll = NULL;
    u->polled_ms = now_ms();
    say_updates(u, c);
    call_answer(c);
}

static void on_poll_timeout(struct op *op)
{
    struct call *c = op->arg;

    answer_poll(c->bot->updates);
}

static void on_poll_gone(struct httpd_request *req, void *arg)
{
    struct call *c = arg;

    (void)req;
    if (c->bot->updates->poll == c)
        answer_poll(c->bot->updates);
}

static void end_poll(struct updates *u, const char *why)
{
    struct call *c = u->poll;

    if (!c)
        return;
    u->poll = NULL;
    call_fail(c, 409, "Conflict: terminated by %s", why);
    call_answer(c);
}

bool updates_poll(struct updates *u, struct call *c)
{
    int64_t timeout = clamp(json_int(c->params, "timeout", 0), 0, 50);

    if (u->webhook)
        return call_fail(c, 409,
                         "Conflict: can't use getUpdates method while webhook "
                         "is active; use deleteWebhook to delete the webhook "
                         "first");
    end_poll(u, "other getUpdates request; make sure that only one bot "
                "instance is running");
    take_allowed(u, c->params);
    take_offset(u, json_int(c->params, "offset", 0));
    u->polled_ms = now_ms();
    if (u->n > 0 || timeout == 0 || !c->req) {
        say_updates(u, c);
        return true;
    }
    u->poll = c;
    c->forget = forget_poll;
    c->timer = timer_in_background(timer_start(u->sim->loop, timeout * 1000));
    c->timer->done = on_poll_timeout;
    c->timer->arg = c;
    httpd_on_gone(c->req, on_poll_gone, c);
    return true;
}

/* --- webhook ------------------------------------------------------------------ */

/* What a webhook cannot be sent, as it is no JSON, is left out. */
static const json_t *next_for_webhook(int64_t after, void *arg)
{
    struct updates *u = arg;
    struct update *update, *next;

    drop_old(u);
    for (update = TAILQ_FIRST(&u->queue); update; update = next) {
        next = TAILQ_NEXT(update, link);
        if (update->id <= after)
            continue;
        if (!update->json)
            update->json = json_loadb(update->text->data, update->text->len,
                                      JSON_ALLOW_NUL, NULL);
        if (update->json)
            return update->json;
        remove_update(u, update);
    }
    return NULL;
}

static void done_by_webhook(int64_t update_id, void *arg)
{
    struct updates *u = arg;
    struct update *update;

    TAILQ_FOREACH (update, &u->queue, link) {
        if (update->id == update_id) {
            confirm(u, update);
            return;
        }
    }
}

static void call_of_webhook(const char *method, const json_t *params, void *arg)
{
    struct updates *u = arg;

    call_internal(u->sim, u->bot, method, params);
}

static bool is_loopback(const char *rest)
{
    static const char *const hosts[] = { "127.", "localhost", "[::1]" };

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strncmp(rest, hosts[i], strlen(hosts[i])) == 0)
            return true;
    return false;
}

/* https anywhere, as Telegram wants it; http too where it stays on this machine. */
static bool url_is_good(const char *url)
{
    return strncmp(url, "https://", 8) == 0 ||
           (strncmp(url, "http://", 7) == 0 && is_loopback(url + 7));
}

static bool secret_is_good(const char *secret)
{
    return strlen(secret) <= 256 &&
           secret[strspn(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789_-")] == '\0';
}

bool updates_set_webhook(struct updates *u, struct call *c)
{
    const char *url = json_str(c->params, "url");
    const char *secret = json_str(c->params, "secret_token");
    struct webhook_options o = { .url = url, .secret_token = secret };
    struct webhook_owner owner = { next_for_webhook, done_by_webhook,
                                   call_of_webhook, u };

    if (!url || !url[0])
        return updates_delete_webhook(u, c);
    if (!url_is_good(url))
        return call_fail(c, 400,
                         "Bad Request: bad webhook: An HTTPS URL must be "
                         "provided for webhook");
    if (secret && !secret_is_good(secret))
        return call_fail(c, 400,
                         "Bad Request: secret token contains unallowed "
                         "characters");
    o.max_connections =
        (int)clamp(json_int(c->params, "max_connections", 40), 1, 100);
    take_allowed(u, c->params);
    if (json_bool(c->params, "drop_pending_updates"))
        updates_drop_pending(u);
    end_poll(u, "setWebhook request");
    webhook_free(u->webhook);
    u->webhook = webhook_new(u->sim->loop, u->sim->http, &o, &owner);
    feed_signal(u->sim->feed, "state");
    return call_true_note(c, "Webhook was set");
}

bool updates_delete_webhook(struct updates *u, struct call *c)
{
    bool was = u->webhook != NULL;

    if (json_bool(c->params, "drop_pending_updates"))
        updates_drop_pending(u);
    webhook_free(u->webhook);
    u->webhook = NULL;
    if (was)
        feed_signal(u->sim->feed, "state");
    return call_true_note(c, was ? "Webhook was deleted"
                                 : "Webhook is already deleted");
}

const char *updates_webhook_url(const struct updates *u)
{
    return u->webhook ? webhook_url(u->webhook) : "";
}

bool updates_webhook_info(struct updates *u, struct call *c)
{
    json_t *info =
        json_pack("{s:s, s:b}", "url", "", "has_custom_certificate", 0);
    json_t *allowed;

    if (u->webhook)
        webhook_info(u->webhook, info);
    json_set_int(info, "pending_update_count", (int64_t)u->n);
    if (u->allowed_given) {
        allowed = json_array();
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
            if (u->allowed & (UINT32_C(1) << i))
                json_array_append_new(allowed, json_string(kinds[i]));
        json_object_set_new(info, "allowed_updates", allowed);
    }
    return call_ok(c, info);
}
