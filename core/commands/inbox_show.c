/* inbox_show.c - an update that waits or was set aside, as text and as JSON. */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "config_show.h"
#include "inbox_command.h"
#include "telegram/update.h"

#define INDENT 2

/* --- reading rows ------------------------------------------------------------------- */

struct inbox_waiting inbox_waiting_read(const struct pg_op *op, int row)
{
    return (struct inbox_waiting){
        .bot = pg_int(op, row, 0),
        .id = pg_int(op, row, 1),
        .lane = pg_int(op, row, 2),
        .kind = pg_value(op, row, 3),
        .received = pg_value(op, row, 4),
        .tries = (int)pg_int(op, row, 5),
        .has_owner = slice_eq(pg_value(op, row, 6), "t"),
        .taken = slice_eq(pg_value(op, row, 7), "t"),
        .owner = pg_value(op, row, 8),
        .seen_s = pg_is_null(op, row, 9) ? -1 : pg_int(op, row, 9),
        .update = pg_value(op, row, 10),
    };
}

struct inbox_dead inbox_dead_read(const struct pg_op *op, int row)
{
    return (struct inbox_dead){
        .bot = pg_int(op, row, 0),
        .id = pg_int(op, row, 1),
        .chat = pg_int(op, row, 2),
        .kind = pg_value(op, row, 3),
        .received = pg_value(op, row, 4),
        .tries = (int)pg_int(op, row, 5),
        .died = pg_value(op, row, 6),
        .reason = pg_value(op, row, 7),
        .handler = pg_value(op, row, 8),
        .error = pg_value(op, row, 9),
        .update = pg_value(op, row, 10),
    };
}

/* --- parts -------------------------------------------------------------------------- */

void inbox_add_time(struct buf *out, struct slice time)
{
    if (time.n >= 19)
        buf_addf(out, "%.10s %.8s UTC", time.p, time.p + 11);
    else
        buf_adds(out, "at an unknown time");
}

void inbox_add_lane(struct buf *out, int64_t lane)
{
    if (update_lane_is_urgent(lane))
        buf_addf(out, " of person %lld",
                 (long long)(lane - UPDATE_LANE_QUERIES));
    else if (lane && lane < UPDATE_LANE_QUERIES)
        buf_addf(out, " of chat %lld", (long long)lane);
}

void inbox_add_owner(struct buf *out, const struct inbox_waiting *w)
{
    if (!w->has_owner) {
        buf_adds(out, "waits for a bot that takes it");
    } else if (w->seen_s < 0) {
        buf_adds(out, "its process is gone; another one takes it");
    } else {
        buf_adds(out, w->taken ? "is with " : "waits for ");
        show_cut(out, w->owner, 80);
        if (w->seen_s > 10)
            buf_addf(out, ", not seen for %lld s", (long long)w->seen_s);
    }
}

static struct slice first_line(struct slice text)
{
    const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;

    return end ? (struct slice){ text.p, (size_t)(end - text.p) } : text;
}

/* What a script wrote into an error could be a secret of ours. */
static void add_hidden(struct buf *out, struct slice text, size_t max)
{
    struct buf clean = BUF_INIT;

    log_redact(&clean, text);
    show_cut(out, buf_slice(&clean), max);
    buf_release(&clean);
}

void inbox_add_reason(struct buf *out, const struct inbox_dead *d, size_t max)
{
    show_cut(out, d->reason, 40);
    if (d->handler.n) {
        buf_adds(out, " in ");
        show_cut(out, d->handler, 80);
    }
    buf_adds(out, ": ");
    add_hidden(out, first_line(d->error), max);
}

static void add_lines(struct buf *out, struct slice text)
{
    while (text.n) {
        struct slice line = first_line(text);
        size_t n = line.n < text.n ? line.n + 1 : line.n;

        add_hidden(out, line, 0);
        buf_addc(out, '\n');
        text = (struct slice){ text.p + n, text.n - n };
    }
}

/* --- an update ------------------------------------------------------------------------ */

static void add_pretty(struct buf *out, struct slice value, int depth)
{
    bool object = json_kind(value) == JSON_OBJECT;
    struct json_iter it;
    size_t n = 0;

    if ((!object && json_kind(value) != JSON_ARRAY) || json_is_empty(value)) {
        add_hidden(out, value, 0);
        return;
    }
    buf_addc(out, object ? '{' : '[');
    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        buf_addf(out, "%s\n%*s", n++ ? "," : "", (depth + 1) * INDENT, "");
        if (object) {
            buf_addc(out, '"');
            show_cut(out, it.key, 0);
            buf_adds(out, "\": ");
        }
        add_pretty(out, it.value, depth + 1);
    }
    buf_addf(out, "\n%*s%c", depth * INDENT, "", object ? '}' : ']');
}

static bool is_json(struct slice text)
{
    struct err err = ERR_INIT;

    return json_check(text, JSON_DEPTH_MAX, &err);
}

static void add_update(struct buf *out, struct slice update)
{
    buf_addc(out, '\n');
    if (is_json(update))
        add_pretty(out, update, 0);
    else
        add_hidden(out, update, 0);
    buf_addc(out, '\n');
}

static void add_title(struct buf *out, int64_t id, int64_t bot,
                      struct slice kind, int64_t lane)
{
    buf_addf(out, "Update %lld of bot %lld: ", (long long)id, (long long)bot);
    if (kind.n)
        show_cut(out, kind, 60);
    else
        buf_adds(out, "of no kind");
    inbox_add_lane(out, lane);
    buf_addc(out, '\n');
}

void inbox_add_waiting(struct buf *out, const struct inbox_waiting *w)
{
    add_title(out, w->id, w->bot, w->kind, w->lane);
    buf_adds(out, "Came ");
    inbox_add_time(out, w->received);
    buf_adds(out, "; ");
    inbox_add_owner(out, w);
    if (w->tries)
        buf_addf(out, "; a process may have died of it (tries: %d)", w->tries);
    buf_adds(out, ".\n");
    add_update(out, w->update);
}

void inbox_add_dead(struct buf *out, const struct inbox_dead *d)
{
    add_title(out, d->id, d->bot, d->kind, d->chat);
    buf_adds(out, "Came ");
    inbox_add_time(out, d->received);
    buf_adds(out, "; set aside ");
    inbox_add_time(out, d->died);
    buf_addf(out, ", after %d %s.\n\n", d->tries,
             d->tries == 1 ? "try" : "tries");
    show_cut(out, d->reason, 40);
    if (d->handler.n) {
        buf_adds(out, " in ");
        show_cut(out, d->handler, 80);
    }
    buf_adds(out, ":\n");
    add_lines(out, d->error);
    add_update(out, d->update);
}

/* --- as JSON -------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *name, struct slice text)
{
    struct buf clean = BUF_INIT;

    buf_addf(out, ",\"%s\":", name);
    if (text.n) {
        log_redact(&clean, text);
        json_add_text(out, buf_slice(&clean));
    } else {
        buf_adds(out, "null");
    }
    buf_release(&clean);
}

static void add_id(struct buf *out, const char *name, int64_t id)
{
    if (id)
        buf_addf(out, ",\"%s\":%lld", name, (long long)id);
    else
        buf_addf(out, ",\"%s\":null", name);
}

/* As it is, if that keeps the line one; else as a text. Left out where it was not
 * asked for. */
static void add_json_update(struct buf *out, struct slice update)
{
    if (!update.n)
        return;
    if (is_json(update) && !memchr(update.p, '\n', update.n)) {
        buf_adds(out, ",\"update\":");
        buf_add_slice(out, update);
    } else {
        add_text(out, "update", update);
    }
}

void inbox_add_waiting_json(struct buf *out, const struct inbox_waiting *w)
{
    bool person = update_lane_is_urgent(w->lane);
    bool chat = w->lane < UPDATE_LANE_QUERIES;

    buf_addf(out, "{\"state\":\"waiting\",\"bot_id\":%lld,\"update_id\":%lld",
             (long long)w->bot, (long long)w->id);
    add_id(out, "chat_id", chat ? w->lane : 0);
    add_id(out, "user_id", person ? w->lane - UPDATE_LANE_QUERIES : 0);
    add_text(out, "kind", w->kind);
    add_text(out, "received_at", w->received);
    buf_addf(out, ",\"tries\":%d", w->tries);
    add_text(out, "owner", w->owner);
    buf_addf(out, ",\"in_hand\":%s", w->taken ? "true" : "false");
    add_json_update(out, w->update);
    buf_adds(out, "}\n");
}

void inbox_add_dead_json(struct buf *out, const struct inbox_dead *d)
{
    buf_addf(out, "{\"state\":\"dead\",\"bot_id\":%lld,\"update_id\":%lld",
             (long long)d->bot, (long long)d->id);
    add_id(out, "chat_id", d->chat);
    add_text(out, "kind", d->kind);
    add_text(out, "received_at", d->received);
    buf_addf(out, ",\"tries\":%d", d->tries);
    add_text(out, "died_at", d->died);
    add_text(out, "reason", d->reason);
    add_text(out, "handler", d->handler);
    add_text(out, "error", d->error);
    add_json_update(out, d->update);
    buf_adds(out, "}\n");
}
