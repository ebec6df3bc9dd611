/* inbox_list.c - moonpost inbox list, show. */
#include "bot/dead_statements.h"
#include "config_show.h"
#include "inbox_command.h"
#include "output.h"

#define LINES_MAX 20
#define JSON_LINES_MAX 10000
#define REASON_MAX 200 /* characters, on no terminal */

typedef void (*print_fn)(struct inbox_call *c, const struct pg_op *op,
                         struct buf *out);

/* Ask for rows of the bot and chat that are wanted, at most limit. */
static bool ask(struct inbox_call *c, const struct pg_statement *statement,
                print_fn print, struct err *err)
{
    char storage[3][24];
    int limit = c->limit ? c->limit : c->json ? JSON_LINES_MAX : LINES_MAX;
    struct slice params[] = {
        pg_int_param(storage[0], c->bot),
        pg_int_param(storage[1], c->chat),
        pg_int_param(storage[2], limit),
    };
    struct pg_op *op =
        pg_query(c->tool.pg, statement, params, statement->nparams);
    struct buf out = BUF_INIT;
    bool ok = tool_wait(&c->tool, &op->op, err);

    if (ok)
        print(c, op, &out);
    output_add(&out);
    buf_release(&out);
    op_free(&op->op);
    return ok;
}

/* --- list --------------------------------------------------------------------------- */

static size_t reason_room(void)
{
    size_t columns = show_columns();

    return !columns ? REASON_MAX : columns > 60 ? columns - 30 : 30;
}

static void print_counts(struct inbox_call *c, const struct pg_op *op,
                         struct buf *out)
{
    int64_t waiting = pg_int(op, 0, 0), lanes = pg_int(op, 0, 1),
            dead = pg_int(op, 0, 2);

    (void)c;
    if (waiting)
        buf_addf(out, "Waiting: %lld update%s, in %lld line%s.\n",
                 (long long)waiting, waiting == 1 ? "" : "s", (long long)lanes,
                 lanes == 1 ? "" : "s");
    else
        buf_adds(out, "Nothing waits.\n");
    if (dead)
        buf_addf(
            out,
            "Set aside: %lld update%s. `moonpost inbox show ID` shows one, "
            "retry gives it\nback to the bot, drop deletes it.\n",
            (long long)dead, dead == 1 ? "" : "s");
    else
        buf_adds(out, "Nothing was set aside.\n");
}

static void print_waiting(struct inbox_call *c, const struct pg_op *op,
                          struct buf *out)
{
    if (pg_rows(op) && !c->json)
        buf_adds(out, "\nWaiting, the oldest first:\n");
    for (int i = 0; i < pg_rows(op); i++) {
        struct inbox_waiting w = inbox_waiting_read(op, i);

        if (c->json) {
            inbox_add_waiting_json(out, &w);
            continue;
        }
        buf_addf(out, "  %lld  ", (long long)w.id);
        show_cut(out, w.kind, 60);
        inbox_add_lane(out, w.lane);
        buf_adds(out, ", came ");
        inbox_add_time(out, w.received);
        buf_adds(out, "; ");
        inbox_add_owner(out, &w);
        buf_addc(out, '\n');
    }
}

static void print_dead(struct inbox_call *c, const struct pg_op *op,
                       struct buf *out)
{
    (void)c;
    for (int i = 0; i < pg_rows(op); i++) {
        struct inbox_dead d = inbox_dead_read(op, i);

        inbox_add_dead_json(out, &d);
    }
}

/* Equal ones are one: how often tells more than a list. */
static void print_errors(struct inbox_call *c, const struct pg_op *op,
                         struct buf *out)
{
    size_t room = reason_room();

    (void)c;
    if (pg_rows(op))
        buf_adds(out, "\nSet aside, the newest first:\n");
    for (int i = 0; i < pg_rows(op); i++) {
        int64_t n = pg_int(op, i, 0);
        struct inbox_dead d = {
            .reason = pg_value(op, i, 1),
            .handler = pg_value(op, i, 2),
            .error = pg_value(op, i, 3),
        };

        buf_addf(out, "  %lld × ", (long long)n);
        inbox_add_reason(out, &d, room);
        buf_adds(out, "\n      ");
        if (n > 1) {
            buf_adds(out, "first ");
            inbox_add_time(out, pg_value(op, i, 4));
            buf_adds(out, ", last ");
        }
        inbox_add_time(out, pg_value(op, i, 5));
        buf_adds(out, n > 1 ? "; updates " : "; update ");
        buf_add_slice(out, pg_value(op, i, 6));
        buf_adds(out, n > 5 ? ", …\n" : "\n");
    }
}

bool inbox_list(struct inbox_call *c, struct err *err)
{
    if (c->json)
        return ask(c, &inbox_waiting_statement, print_waiting, err) &&
               ask(c, &inbox_dead_statement, print_dead, err);
    return ask(c, &inbox_count_statement, print_counts, err) &&
           ask(c, &inbox_waiting_statement, print_waiting, err) &&
           ask(c, &inbox_errors_statement, print_errors, err);
}

/* --- show --------------------------------------------------------------------------- */

static void print_both(struct inbox_call *c, const struct pg_op *dead,
                       const struct pg_op *waiting, struct buf *out)
{
    int rows = 0;

    for (int i = 0; i < pg_rows(dead); i++) {
        struct inbox_dead d = inbox_dead_read(dead, i);

        if (c->json)
            inbox_add_dead_json(out, &d);
        else
            buf_adds(out, rows++ ? "\n" : ""), inbox_add_dead(out, &d);
    }
    for (int i = 0; i < pg_rows(waiting); i++) {
        struct inbox_waiting w = inbox_waiting_read(waiting, i);

        if (c->json)
            inbox_add_waiting_json(out, &w);
        else
            buf_adds(out, rows++ ? "\n" : ""), inbox_add_waiting(out, &w);
    }
}

bool inbox_show(struct inbox_call *c, struct err *err)
{
    char storage[2][24];
    struct buf ids = BUF_INIT, out = BUF_INIT;
    struct slice bot = pg_int_param(storage[0], c->bot);
    struct pg_op *dead, *waiting;
    bool ok;

    buf_addf(&ids, "{%lld}", (long long)c->ids[0]);
    dead = pg_query(c->tool.pg, &inbox_find_statement,
                    (struct slice[]){ bot, slice_of("0"), slice_of("0"),
                                      slice_of("0"), buf_slice(&ids),
                                      slice_of("100") },
                    6);
    waiting =
        pg_query(c->tool.pg, &inbox_one_waiting_statement,
                 (struct slice[]){ bot, pg_int_param(storage[1], c->ids[0]) },
                 2);
    ok = tool_wait(&c->tool, &dead->op, err) &&
         tool_wait(&c->tool, &waiting->op, err);
    if (ok && pg_rows(dead) + pg_rows(waiting) == 0)
        ok = err_set(err, ERR_CONFIG,
                     "update %lld neither waits nor was set aside",
                     (long long)c->ids[0]);
    else if (ok)
        print_both(c, dead, waiting, &out);
    output_add(&out);
    op_free(&dead->op);
    op_free(&waiting->op);
    buf_release(&ids);
    buf_release(&out);
    return ok;
}
