/* inbox.c - see inbox.h. */
#include "bot/inbox.h"

#include <stdlib.h>

#include "base/log.h"
#include "bot/bot_statements.h"
#include "bot/instance.h"

#define DONE_MAX 1000      /* in one statement */
#define DONE_PAUSE_MS 1000 /* after it has failed */

struct inbox {
    struct loop *loop;
    struct pg *pg;
    char bot[24], instance[24], ttl[24];
    struct slice bot_param, instance_param, ttl_param;
    struct pg_op *adopting;
    /* done ones */
    int64_t *done;
    size_t ndone, room;
    size_t nsent; /* of these, on their way */
    struct pg_op *sending;
    struct op *pause;
    struct loop_turn_hook *hook;
    void (*on_idle)(void *arg);
    void *on_idle_arg;
};

/* --- parameters ------------------------------------------------------------------- */

/* Arrays as PostgreSQL reads them, and the texts as one JSON array. */
struct arrays {
    struct buf ids, lanes, mine, texts;
};

static void arrays_init(struct arrays *a, const struct inbox_update *list,
                        size_t n)
{
    *a = (struct arrays){ BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
    for (size_t i = 0; i < n; i++) {
        char comma = i ? ',' : '{';

        buf_addc(&a->ids, comma);
        buf_add_int(&a->ids, list[i].id);
        buf_addc(&a->lanes, comma);
        buf_add_int(&a->lanes, list[i].lane);
        buf_addc(&a->mine, comma);
        buf_addc(&a->mine, list[i].mine ? 't' : 'f');
        buf_addc(&a->texts, i ? ',' : '[');
        buf_add_slice(&a->texts, list[i].text);
    }
    buf_addc(&a->ids, '}');
    buf_addc(&a->lanes, '}');
    buf_addc(&a->mine, '}');
    buf_addc(&a->texts, ']');
}

static void add_ids(struct buf *out, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_addc(out, i ? ',' : '{');
        buf_add_int(out, ids[i]);
    }
    buf_addc(out, '}');
}

static void arrays_release(struct arrays *a)
{
    buf_release(&a->ids);
    buf_release(&a->lanes);
    buf_release(&a->mine);
    buf_release(&a->texts);
}

bool inbox_is_up(const struct inbox *inbox)
{
    return pg_is_up(inbox->pg);
}

/* --- asking ------------------------------------------------------------------------ */

struct pg_op *inbox_save(struct inbox *inbox, const struct inbox_update *list,
                         size_t n, int tries)
{
    struct arrays a;
    struct pg_op *op;
    char number[24];

    arrays_init(&a, list, n);
    op = pg_query(inbox->pg, &inbox_save_statement,
                  (struct slice[]){ inbox->bot_param, inbox->instance_param,
                                    buf_slice(&a.ids), buf_slice(&a.lanes),
                                    buf_slice(&a.mine), buf_slice(&a.texts),
                                    pg_int_param(number, tries) },
                  7);
    arrays_release(&a);
    return op;
}

struct pg_op *inbox_put(struct inbox *inbox, const struct inbox_update *list,
                        size_t n)
{
    struct arrays a;
    struct pg_op *op;

    arrays_init(&a, list, n);
    op = pg_query(inbox->pg, &inbox_put_statement,
                  (struct slice[]){ inbox->bot_param, inbox->instance_param,
                                    inbox->ttl_param, buf_slice(&a.ids),
                                    buf_slice(&a.lanes), buf_slice(&a.texts) },
                  6);
    arrays_release(&a);
    return op;
}

enum inbox_put inbox_put_result(const struct pg_op *op, int row, int64_t *id)
{
    *id = pg_int(op, row, 0);
    if (slice_eq(pg_value(op, row, 2), "t"))
        return INBOX_KNOWN;
    return slice_eq(pg_value(op, row, 1), "t") ? INBOX_RUN : INBOX_LEFT;
}

struct pg_op *inbox_untake(struct inbox *inbox, const int64_t *ids, size_t n)
{
    struct buf list = BUF_INIT;
    struct pg_op *op;

    add_ids(&list, ids, n);
    op = pg_query(inbox->pg, &inbox_untake_statement,
                  (struct slice[]){ inbox->bot_param, inbox->instance_param,
                                    buf_slice(&list) },
                  3);
    buf_release(&list);
    return op;
}

static void on_adopted(struct op *op)
{
    struct inbox *inbox = op->arg;

    inbox->adopting = NULL; /* what failed is asked for again with the next */
    op_free(op);
}

struct pg_op *inbox_take(struct inbox *inbox)
{
    struct slice params[] = { inbox->bot_param, inbox->instance_param,
                              inbox->ttl_param, SLICE_NONE };
    char most[24];

    if (!inbox->adopting) {
        inbox->adopting =
            pg_query(inbox->pg, &inbox_adopt_statement, params, 3);
        inbox->adopting->op.done = on_adopted;
        inbox->adopting->op.arg = inbox;
    }
    params[3] = pg_int_param(most, INBOX_TAKE_MAX);
    return pg_query(inbox->pg, &inbox_take_statement, params, 4);
}

void inbox_taken(const struct pg_op *op, int row, struct inbox_taken *out)
{
    out->id = pg_int(op, row, 0);
    out->lane = pg_int(op, row, 1);
    out->tries = (int)pg_int(op, row, 2);
    out->text = pg_value(op, row, 3);
}

struct pg_op *inbox_lanes(struct inbox *inbox)
{
    return pg_query(inbox->pg, &inbox_lanes_statement,
                    (struct slice[]){ inbox->bot_param, inbox->instance_param },
                    2);
}

struct pg_op *inbox_begin(struct inbox *inbox, int64_t id)
{
    char number[24];

    return pg_query(inbox->pg, &inbox_begin_statement,
                    (struct slice[]){ inbox->bot_param,
                                      pg_int_param(number, id) },
                    2);
}

struct pg_op *inbox_seen(struct inbox *inbox)
{
    return pg_query(inbox->pg, &inbox_seen_statement, &inbox->bot_param, 1);
}

/* --- done ones --------------------------------------------------------------------- */

static void send_done(void *arg);

static void on_pause_over(struct op *op)
{
    struct inbox *inbox = op->arg;

    op_free(op);
    inbox->pause = NULL;
    send_done(inbox);
}

static void on_done_sent(struct op *op)
{
    struct inbox *inbox = op->arg;
    bool failed = op->err.kind != ERR_NONE;

    inbox->sending = NULL;
    if (failed && pg_may_pass(((struct pg_op *)op)->sqlstate))
        log_debug("inbox", "%s; trying again", op->err.text);
    else if (failed)
        log_warn("inbox", "%s; trying again", op->err.text);
    op_free(op);
    if (failed) {
        inbox->pause = timer_start(inbox->loop, DONE_PAUSE_MS);
        inbox->pause->done = on_pause_over;
        inbox->pause->arg = inbox;
        return;
    }
    inbox->ndone -= inbox->nsent;
    for (size_t i = 0; i < inbox->ndone; i++)
        inbox->done[i] = inbox->done[i + inbox->nsent];
    if (inbox->ndone)
        send_done(inbox);
    else if (inbox->on_idle)
        inbox->on_idle(inbox->on_idle_arg);
}

static void send_done(void *arg)
{
    struct inbox *inbox = arg;
    struct buf ids = BUF_INIT;

    if (!inbox->ndone || inbox->sending || inbox->pause)
        return;
    inbox->nsent = inbox->ndone < DONE_MAX ? inbox->ndone : DONE_MAX;
    add_ids(&ids, inbox->done, inbox->nsent);
    inbox->sending =
        pg_query(inbox->pg, &inbox_done_statement,
                 (struct slice[]){ inbox->bot_param, buf_slice(&ids) }, 2);
    inbox->sending->op.done = on_done_sent;
    inbox->sending->op.arg = inbox;
    buf_release(&ids);
}

void inbox_done(struct inbox *inbox, int64_t id)
{
    if (inbox->ndone == inbox->room) {
        inbox->room = inbox->room ? inbox->room * 2 : 16;
        inbox->done = xrealloc(inbox->done, inbox->room * sizeof(*inbox->done));
    }
    inbox->done[inbox->ndone++] = id;
    loop_turn_wanted(inbox->loop);
}

size_t inbox_undone(const struct inbox *inbox)
{
    return inbox->ndone;
}

void inbox_on_idle(struct inbox *inbox, void (*fn)(void *arg), void *arg)
{
    inbox->on_idle = fn;
    inbox->on_idle_arg = arg;
}

/* --- life ------------------------------------------------------------------------- */

struct inbox *inbox_new(struct loop *loop, struct pg *pg, int64_t bot_id,
                        int64_t instance)
{
    struct inbox *inbox = xalloc(sizeof(*inbox));

    inbox->loop = loop;
    inbox->pg = pg;
    inbox->bot_param = pg_int_param(inbox->bot, bot_id);
    inbox->instance_param = pg_int_param(inbox->instance, instance);
    inbox->ttl_param = pg_int_param(inbox->ttl, INSTANCE_TTL_MS);
    inbox->hook = loop_at_end_of_turn(loop, send_done, inbox);
    return inbox;
}

void inbox_free(struct inbox *inbox)
{
    if (!inbox)
        return;
    if (inbox->adopting)
        op_free(&inbox->adopting->op);
    if (inbox->sending)
        op_free(&inbox->sending->op);
    op_free(inbox->pause);
    loop_end_of_turn_cancel(inbox->hook);
    free(inbox->done);
    free(inbox);
}
