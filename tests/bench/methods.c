/*
 * methods.c - what the Bot API server answers: see botapi.c.
 */
#include "api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define POLL_MAX 50 /* seconds, as Telegram's server */

static void ok(struct api *a, const char *result)
{
    buf_reset(&a->out);
    buf_addf(&a->out, "{\"ok\":true,\"result\":%s}", result);
}

/* --- answers that are kept back ------------------------------------------------- */

static void delay_grow(struct api *a)
{
    size_t cap = a->delayed_cap ? a->delayed_cap * 2 : 1024;
    struct delayed *ring = xalloc(cap * sizeof(*ring));

    for (size_t i = 0; i < a->delayed_count; i++)
        ring[i] = a->delayed[(a->delayed_first + i) % a->delayed_cap];
    free(a->delayed);
    a->delayed = ring;
    a->delayed_first = 0;
    a->delayed_cap = cap;
}

/* Answer a call with a->out: now, or after the delay. */
static void answer(struct api *a, struct conn *c, int status,
                   struct load_chat *chat, int64_t now)
{
    struct delayed *d;

    if (!a->o.delay_ms) {
        if (chat)
            chat->unanswered--;
        conn_answer(c, status, buf_slice(&a->out));
        return;
    }
    if (a->delayed_count == a->delayed_cap)
        delay_grow(a);
    d = &a->delayed[(a->delayed_first + a->delayed_count++) % a->delayed_cap];
    *d = (struct delayed){ c, chat, now + a->o.delay_ms * (SECOND / 1000) };
    conn_prepare(c, status, buf_slice(&a->out));
}

static int64_t answer_due(struct api *a, int64_t now)
{
    while (a->delayed_count) {
        struct delayed d = a->delayed[a->delayed_first];

        if (d.due > now)
            return d.due;
        a->delayed_first = (a->delayed_first + 1) % a->delayed_cap;
        a->delayed_count--;
        if (d.chat)
            d.chat->unanswered--;
        if (d.conn)
            conn_release(d.conn);
    }
    return INT64_MAX;
}

/* --- getUpdates ------------------------------------------------------------------ */

/* How many updates exist by now. */
static uint32_t available(const struct api *a, int64_t now)
{
    int64_t n;

    if (!a->released)
        return 0;
    if (!a->o.rate)
        return a->load.updates;
    n = (now - a->released) * a->o.rate / SECOND;
    return n < a->load.updates ? (uint32_t)n : a->load.updates;
}

static int64_t next_available(const struct api *a, int64_t now)
{
    uint32_t n = available(a, now);

    if (!a->released || n == a->load.updates)
        return INT64_MAX;
    return a->released + (n + 1) * SECOND / a->o.rate + 1;
}

/* Telegram's rule: an offset confirms what is before it, a negative one all but
 * the last -offset updates. */
static void confirm(struct api *a, int64_t offset, uint32_t count)
{
    int64_t n = 0;

    if (offset > 0)
        n = offset - a->load.first_id;
    else if (offset < 0)
        n = count + offset;
    if (n > count)
        n = count;
    if (n > a->confirmed)
        a->confirmed = (uint32_t)n;
}

/* Answer the waiting poll if there is something for it or its time is over. */
static void serve_poll(struct api *a, int64_t now)
{
    uint32_t end = available(a, now);
    struct conn *c = a->poller;

    if (!c || (a->confirmed >= end && now < a->poll_due))
        return;
    if (end - a->confirmed > (uint32_t)a->poll_limit)
        end = a->confirmed + (uint32_t)a->poll_limit;
    buf_reset(&a->out);
    buf_adds(&a->out, "{\"ok\":true,\"result\":[");
    for (uint32_t i = a->confirmed; i < end; i++) {
        if (i > a->confirmed)
            buf_adds(&a->out, ",\n");
        load_hand_out(&a->load, i, now, &a->out);
    }
    buf_adds(&a->out, "]}");
    a->poller = NULL;
    conn_answer(c, 200, buf_slice(&a->out));
}

static double unix_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void get_updates(struct api *a, struct conn *c, const struct request *r,
                        int64_t now)
{
    int64_t timeout = field_int(r, "timeout", 0);
    int64_t limit = field_int(r, "limit", a->o.batch);

    a->polls++;
    if (a->first_poll_ms <= 0)
        a->first_poll_ms = unix_ms();
    if (a->poller) {
        struct conn *old = a->poller;

        a->conflicts++;
        a->poller = NULL;
        conn_answer(old, 409,
                    slice_of("{\"ok\":false,\"error_code\":409,\"description\":"
                             "\"Conflict: terminated by other getUpdates "
                             "request; make sure that only one bot instance is "
                             "running\"}"));
    }
    confirm(a, field_int(r, "offset", 0), available(a, now));
    timeout = timeout < 0 ? 0 : timeout > POLL_MAX ? POLL_MAX : timeout;
    a->poller = c;
    a->poll_due = now + timeout * SECOND;
    a->poll_limit = limit < 1 || limit > a->o.batch ? a->o.batch : (int)limit;
    serve_poll(a, now);
}

/* --- the other methods -------------------------------------------------------------- */

static void write_message(struct api *a, struct load_chat *chat)
{
    int64_t id = strtoll(a->chat_id.data, NULL, 10);
    int64_t message_id = chat ? ++chat->message_id : 1;

    buf_reset(&a->out);
    buf_addf(&a->out,
             "{\"ok\":true,\"result\":{\"message_id\":%" PRId64
             ",\"from\":{\"id\":1,\"is_bot\":true,\"first_name\":\"Bench "
             "\\u2714\",\"username\":\"bench_bot\"},\"chat\":{\"id\":%" PRId64
             ",",
             message_id, id);
    buf_adds(&a->out,
             id > 0 ? "\"first_name\":\"Ren\\u00e9e\",\"last_name\":"
                      "\"O'Brien\",\"username\":\"person\",\"type\":"
                      "\"private\"}"
                    : "\"title\":\"Gardeners \\ud83c\\udf31 \\\"north\\\"\","
                      "\"username\":\"garden\",\"type\":\"supergroup\"}");
    buf_addf(&a->out,
             ",\"date\":1760000100,\"reply_to_message\":{\"message_id\":"
             "%" PRId64 ",\"from\":{\"id\":2251799813685248,\"is_bot\":false,"
             "\"first_name\":\"Ren\\u00e9e\"},\"chat\":{\"id\":%" PRId64
             ",\"type\":\"private\"},\"date\":1760000000,\"text\":\"/limit\"},"
             "\"text\":\"",
             message_id - 1, id);
    for (size_t i = 0; i < a->text.len; i++) {
        if (a->text.data[i] == '"' || a->text.data[i] == '\\')
            buf_addc(&a->out, '\\');
        buf_addc(&a->out, a->text.data[i] < ' ' && a->text.data[i] >= 0
                              ? ' '
                              : a->text.data[i]);
    }
    buf_adds(&a->out, "\"}}");
}

static void send_message(struct api *a, struct conn *c, const struct request *r,
                         int64_t now)
{
    struct load_chat *chat;
    bool done = load_done(&a->load);

    field_text(r, "chat_id", &a->chat_id);
    field_text(r, "text", &a->text);
    chat = load_reply(&a->load, a->chat_id.data, a->text.data, now);
    if (!done && load_done(&a->load))
        a->settled = now + a->o.delay_ms * (SECOND / 1000) + SETTLE;
    write_message(a, chat);
    answer(a, c, 200, chat, now);
}

bool slice_is_ci(struct slice s, const char *text)
{
    return s.n == strlen(text) && !strncasecmp(s.p, text, s.n);
}

void api_call(struct api *a, struct conn *c, struct slice method,
              const struct request *r)
{
    int64_t now = now_ns();

    a->calls++;
    if (slice_is_ci(method, "sendMessage")) {
        send_message(a, c, r, now);
        return;
    }
    if (slice_is_ci(method, "getUpdates")) {
        get_updates(a, c, r, now);
        return;
    }
    ok(a, "true");
    if (slice_is_ci(method, "getMe")) {
        ok(a, "{\"id\":1,\"is_bot\":true,\"first_name\":\"Bench\",\"username\":"
              "\"bench_bot\",\"can_join_groups\":true,"
              "\"can_read_all_group_messages\":true,"
              "\"supports_inline_queries\":false}");
    } else if (slice_is_ci(method, "setMyCommands")) {
        field_text(r, "commands", &a->commands);
    } else if (slice_is_ci(method, "getMyCommands")) {
        ok(a, a->commands.len ? a->commands.data : "[]");
    } else if (slice_is_ci(method, "getWebhookInfo")) {
        ok(a, "{\"url\":\"\",\"has_custom_certificate\":false,"
              "\"pending_update_count\":0}");
    }
    answer(a, c, 200, NULL, now);
}

void api_forget(struct api *a, struct conn *c)
{
    if (a->poller == c)
        a->poller = NULL;
    for (size_t i = 0; i < a->delayed_count; i++) {
        struct delayed *d =
            &a->delayed[(a->delayed_first + i) % a->delayed_cap];

        if (d->conn == c)
            d->conn = NULL;
    }
}

int64_t api_tick(struct api *a, int64_t now)
{
    int64_t next = answer_due(a, now);
    int64_t more;

    serve_poll(a, now);
    if (!a->poller)
        return next;
    more = next_available(a, now);
    more = a->poll_due < more ? a->poll_due : more;
    return more < next ? more : next;
}
