/* broadcast_show.c - moonpost broadcast list, show, chats. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "bot/broadcast_desk.h"
#include "broadcast_command.h"
#include "config_show.h"
#include "output.h"
#include "progress.h"

#define LIST_MAX 20
#define TEXT_SHOWN 200
#define LOOK_MS 500

/* --- one, as text and as JSON ------------------------------------------------------- */

static int64_t over(const struct broadcast *b)
{
    return b->total - b->waiting - b->sending;
}

static void add_count(struct buf *out, int64_t n, const char *what)
{
    if (n == 0)
        return;
    buf_adds(out, ", ");
    show_number(out, n);
    buf_addf(out, " %s", what);
}

/* "1,200 of 50,000 chats: 1,180 sent, 20 blocked" */
static void add_counts(struct buf *out, const struct broadcast *b)
{
    struct buf counts = BUF_INIT;

    show_number(out, over(b));
    buf_adds(out, " of ");
    show_number(out, b->total);
    buf_addf(out, " chat%s", b->total == 1 ? "" : "s");
    add_count(&counts, b->sent, "sent");
    add_count(&counts, b->blocked, "blocked");
    add_count(&counts, b->failed, "failed");
    add_count(&counts, b->in_doubt, "in doubt");
    if (counts.len)
        buf_addf(out, ": %s", counts.data + 2);
    buf_release(&counts);
}

static void add_json_text(struct buf *out, const char *key, struct slice text)
{
    buf_addf(out, ",\"%s\":", key);
    if (text.p)
        json_add_text(out, text);
    else
        buf_adds(out, "null");
}

static void add_json_number(struct buf *out, const char *key, int64_t n)
{
    buf_addf(out, ",\"%s\":%lld", key, (long long)n);
}

static void add_json(struct buf *out, const struct broadcast *b)
{
    buf_addf(out, "{\"id\":%lld", (long long)b->id);
    add_json_text(out, "state", b->state);
    add_json_text(out, "reason", b->reason);
    add_json_text(out, "method", b->method);
    buf_adds(out, ",\"parameters\":");
    buf_add_slice(out, b->parameters);
    add_json_text(out, "to", b->recipients);
    add_json_text(out, "made_by", b->made_by);
    add_json_text(out, "made_at", b->made_at);
    add_json_text(out, "started_at", b->started_at);
    add_json_text(out, "ended_at", b->ended_at);
    add_json_number(out, "total", b->total);
    add_json_number(out, "waiting", b->waiting);
    add_json_number(out, "sending", b->sending);
    add_json_number(out, "sent", b->sent);
    add_json_number(out, "blocked", b->blocked);
    add_json_number(out, "failed", b->failed);
    add_json_number(out, "in_doubt", b->in_doubt);
    buf_addf(out, ",\"active\":%s}", b->active ? "true" : "false");
}

void broadcast_print(const struct broadcast_call *c, const struct broadcast *b)
{
    struct buf out = BUF_INIT;

    if (c->json) {
        add_json(&out, b);
    } else {
        buf_addf(&out, "%lld  %-9.*s  ", (long long)b->id, (int)b->state.n,
                 b->state.p);
        add_counts(&out, b);
        buf_adds(&out, "  (");
        show_cut(&out, b->method, 40);
        buf_adds(&out, " to ");
        show_cut(&out, b->recipients, 40);
        buf_addc(&out, ')');
    }
    buf_addc(&out, '\n');
    output_add(&out);
    buf_release(&out);
}

/* --- list ---------------------------------------------------------------------------- */

bool broadcast_list(struct broadcast_call *c, struct err *err)
{
    struct op *op = broadcast_find_start(c->tool.loop, c->tool.pg, 0, LIST_MAX);
    const struct broadcast_op *found;

    if (!broadcast_wait(c, &op, err))
        return false;
    found = (struct broadcast_op *)op;
    for (int i = 0; i < found->n; i++)
        broadcast_print(c, &found->list[i]);
    if (found->n == 0 && !c->json)
        printf("There are no broadcasts.\n");
    op_free(op);
    return true;
}

/* --- show ----------------------------------------------------------------------------- */

static void add_line(struct buf *out, const char *name, struct slice text,
                     size_t max)
{
    if (!text.p)
        return;
    buf_addf(out, "%-10s ", name);
    show_cut(out, text, max);
    buf_addc(out, '\n');
}

static void add_speed(struct buf *out, const struct broadcast *b)
{
    if (b->ms < 1000 || b->sent == 0)
        return;
    buf_adds(out, "in         ");
    show_duration(out, b->ms);
    buf_addf(out, ", %.1f/s\n", 1000.0 * (double)b->sent / (double)b->ms);
}

static void show_one(const struct broadcast *b)
{
    struct buf out = BUF_INIT;

    buf_addf(&out, "broadcast  %lld\n", (long long)b->id);
    add_line(&out, "state", b->state, 0);
    add_line(&out, "because", b->reason, 0);
    add_line(&out, "to", b->recipients, 0);
    add_line(&out, "method", b->method, 0);
    add_line(&out, "message", b->parameters, TEXT_SHOWN);
    add_line(&out, "made by", b->made_by, 0);
    add_line(&out, "made", b->made_at, 0);
    add_line(&out, "started", b->started_at, 0);
    add_line(&out, "ended", b->ended_at, 0);
    buf_adds(&out, "so far     ");
    add_counts(&out, b);
    buf_addc(&out, '\n');
    add_speed(&out, b);
    if (slice_eq(b->state, "running") && !b->active)
        buf_adds(&out, "No running bot has it in hand just now.\n");
    output_add(&out);
    buf_release(&out);
}

static bool show_errors(struct broadcast_call *c, struct err *err)
{
    struct pg_op *query = broadcast_errors_start(c->tool.pg, c->id);
    struct buf out = BUF_INIT;
    bool ok = tool_wait(&c->tool, &query->op, err);

    for (int i = 0; ok && i < pg_rows(query); i++) {
        buf_adds(&out, "  ");
        show_number(&out, pg_int(query, i, 2));
        buf_addf(&out, " %.*s: ", (int)pg_value(query, i, 0).n,
                 pg_value(query, i, 0).p);
        show_cut(&out, pg_value(query, i, 1), TEXT_SHOWN);
        buf_addf(&out, " (as chat %lld)\n", (long long)pg_int(query, i, 3));
    }
    output_add(&out);
    buf_release(&out);
    op_free(&query->op);
    return ok;
}

static int columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* The bar, over the one before. */
static void draw(const struct broadcast *b)
{
    struct buf line = BUF_INIT;

    progress_line(&line, columns() - 1, "chats", over(b), b->total, b->ms);
    fprintf(stderr, "\r%s\033[K\r", line.data);
    buf_release(&line);
}

/* On a terminal, while it runs: again and again. */
static bool watches(const struct broadcast_call *c, const struct broadcast *b)
{
    return !c->json && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) &&
           slice_eq(b->state, "running");
}

static bool pause_between(struct broadcast_call *c, struct err *err)
{
    struct op *timer = timer_start(c->tool.loop, LOOK_MS);
    bool ok = tool_wait(&c->tool, timer, err);

    op_free(timer);
    return ok;
}

/* The broadcast in *op when there is nothing to wait for any more. */
static bool watch(struct broadcast_call *c, struct op **op, struct err *err)
{
    const struct broadcast_op *found;
    bool drawn = false, ok;

    for (;;) {
        *op = broadcast_find_start(c->tool.loop, c->tool.pg, c->id, 1);
        ok = broadcast_wait(c, op, err);
        if (!ok)
            break;
        found = (struct broadcast_op *)*op;
        if (!watches(c, &found->list[0]))
            break;
        draw(&found->list[0]);
        drawn = true;
        op_free(*op);
        *op = NULL;
        ok = pause_between(c, err);
        if (!ok)
            break;
    }
    if (drawn)
        fprintf(stderr, "\r\033[K");
    return ok;
}

bool broadcast_show(struct broadcast_call *c, struct err *err)
{
    struct op *op = NULL;
    const struct broadcast *b;
    bool ok = watch(c, &op, err);

    if (!ok)
        return false;
    b = &((struct broadcast_op *)op)->list[0];
    if (c->json)
        broadcast_print(c, b);
    else
        show_one(b);
    op_free(op);
    return c->json || show_errors(c, err);
}

/* --- chats ------------------------------------------------------------------------------ */

static void print_chat(const struct broadcast_call *c, const struct pg_op *rows,
                       int i)
{
    struct buf out = BUF_INIT;

    if (c->json) {
        buf_addf(&out, "{\"chat_id\":%lld", (long long)pg_int(rows, i, 0));
        add_json_text(&out, "state", pg_value(rows, i, 1));
        add_json_text(&out, "error",
                      pg_is_null(rows, i, 2) ? SLICE_NONE
                                             : pg_value(rows, i, 2));
        buf_addc(&out, '}');
    } else {
        buf_addf(&out, "%lld", (long long)pg_int(rows, i, 0));
        if (!c->state)
            buf_addf(&out, " %.*s", (int)pg_value(rows, i, 1).n,
                     pg_value(rows, i, 1).p);
    }
    buf_addc(&out, '\n');
    output_add(&out);
    buf_release(&out);
}

bool broadcast_chats(struct broadcast_call *c, struct err *err)
{
    int64_t after = INT64_MIN;
    struct pg_op *rows;
    bool ok;
    int n;

    do {
        rows = broadcast_chats_start(c->tool.pg, c->id, after,
                                     c->state ? c->state : "");
        ok = tool_wait(&c->tool, &rows->op, err);
        n = ok ? pg_rows(rows) : 0;
        for (int i = 0; i < n; i++)
            print_chat(c, rows, i);
        if (n)
            after = pg_int(rows, n - 1, 0);
        op_free(&rows->op);
    } while (n);
    return ok;
}
