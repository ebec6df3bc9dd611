/*
 * broadcast_desk.c - see broadcast_desk.h. An op is at most two queries: the
 * change, and then a look at what it is now.
 */
#include "bot/broadcast_desk.h"

#include <stdlib.h>

#include "bot/broadcast_statements.h"

/* What broadcast_op has in private. */
struct desk_op {
    struct broadcast_op pub;
    struct pg *pg;
    int64_t id;
    int limit;
};

/* --- reading rows ------------------------------------------------------------------ */

static struct slice text_of(const struct pg_op *op, int row, int column)
{
    return pg_is_null(op, row, column) ? SLICE_NONE : pg_value(op, row, column);
}

/* In the order of broadcast_find_statement. */
static void read_row(const struct pg_op *op, int row, struct broadcast *b)
{
    struct slice *const texts[] = {
        &b->state,  &b->method,  &b->parameters, &b->recipients, &b->made_by,
        &b->reason, &b->made_at, &b->started_at, &b->ended_at,
    };
    int64_t *const numbers[] = {
        &b->waiting, &b->sending, &b->sent,     &b->blocked,
        &b->failed,  &b->moved,   &b->in_doubt, &b->ms,
    };
    int column = 0;

    b->id = pg_int(op, row, column++);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = text_of(op, row, column++);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        *numbers[i] = pg_int(op, row, column++);
    b->active = pg_int(op, row, column) != 0;
    b->total = b->waiting + b->sending + b->sent + b->blocked + b->failed +
               b->in_doubt;
}

static void read_rows(struct broadcast_op *op, const struct pg_op *rows)
{
    op->n = pg_rows(rows);
    op->list = xalloc((size_t)(op->n ? op->n : 1) * sizeof(*op->list));
    for (int i = 0; i < op->n; i++)
        read_row(rows, i, &op->list[i]);
}

/* --- the op ------------------------------------------------------------------------- */

static void desk_stop(struct op *op)
{
    (void)op; /* the queries go with it in free */
}

static void desk_free(struct op *op)
{
    struct broadcast_op *b = (struct broadcast_op *)op;

    op_free(b->first);
    op_free(b->then);
    free(b->list);
    free(b);
}

static const struct op_class desk_class = { "broadcast", desk_stop, desk_free };

static void on_found(struct op *op)
{
    struct broadcast_op *b = op->arg;

    if (op->err.kind)
        b->op.err = op->err;
    else
        read_rows(b, (struct pg_op *)op);
    op_complete_here(&b->op);
}

static void find(struct desk_op *d)
{
    char id[24], limit[24];
    struct slice params[] = { pg_int_param(id, d->id),
                              pg_int_param(limit, d->limit) };
    struct pg_op *query = pg_query(d->pg, &broadcast_find_statement, params, 2);

    query->op.done = on_found;
    query->op.arg = d;
    d->pub.then = &query->op;
}

static void on_made(struct op *op)
{
    struct desk_op *d = op->arg;
    const struct pg_op *query = (struct pg_op *)op;

    if (op->err.kind == ERR_NONE && pg_rows(query) == 0)
        err_set(&op->err, ERR_DATABASE,
                "broadcast_make: somebody else made the same just now");
    if (op->err.kind) {
        d->pub.op.err = op->err;
        op_complete_here(&d->pub.op);
        return;
    }
    d->id = pg_int(query, 0, 0);
    d->pub.changed = slice_eq(pg_value(query, 0, 1), "t");
    find(d);
}

static void on_changed(struct op *op)
{
    struct desk_op *d = op->arg;

    if (op->err.kind) {
        d->pub.op.err = op->err;
        op_complete_here(&d->pub.op);
        return;
    }
    d->pub.changed = pg_rows((struct pg_op *)op) > 0;
    find(d);
}

static struct desk_op *desk_new(struct loop *loop, struct pg *pg)
{
    struct desk_op *d = xalloc(sizeof(*d));

    op_init(&d->pub.op, &desk_class, loop);
    d->pg = pg;
    d->limit = 1;
    return d;
}

static struct op *begin(struct desk_op *d, struct pg_op *query, op_done_fn done)
{
    query->op.done = done;
    query->op.arg = d;
    d->pub.first = &query->op;
    return &d->pub.op;
}

/* --- starting ------------------------------------------------------------------------ */

struct op *broadcast_make_start(struct loop *loop, struct pg *pg, int64_t bot,
                                const struct broadcast_order *order)
{
    char id[24];
    struct slice params[] = {
        pg_int_param(id, bot),
        slice_of(order->who),
        order->what,
        slice_of(order->method),
        order->parameters,
        slice_of(order->recipients),
        slice_of(order->made_by),
        order->key,
    };

    return begin(desk_new(loop, pg),
                 pg_query(pg, &broadcast_make_statement, params, 8), on_made);
}

struct op *broadcast_find_start(struct loop *loop, struct pg *pg, int64_t id,
                                int limit)
{
    struct desk_op *d = desk_new(loop, pg);

    d->id = id;
    d->limit = limit;
    find(d);
    return &d->pub.op;
}

static struct pg_op *send_change(struct pg *pg, struct slice id,
                                 enum broadcast_change change,
                                 const char *reason)
{
    static const char *const states[][2] = {
        [BROADCAST_PAUSE] = { "{running}", "paused" },
        [BROADCAST_RESUME] = { "{paused}", "running" },
        [BROADCAST_CANCEL] = { "{running,paused}", "cancelled" },
    };
    struct slice params[] = { id, slice_of(states[change][0]),
                              slice_of(states[change][1]),
                              reason ? slice_of(reason) : SLICE_NONE };

    return pg_query(pg, &broadcast_change_statement, params, 4);
}

struct op *broadcast_change_start(struct loop *loop, struct pg *pg, int64_t id,
                                  enum broadcast_change change,
                                  const char *reason)
{
    char text[24];
    struct slice param = pg_int_param(text, id);
    struct desk_op *d = desk_new(loop, pg);

    d->id = id;
    return begin(d,
                 change == BROADCAST_RETRY
                     ? pg_query(pg, &broadcast_retry_statement, &param, 1)
                     : send_change(pg, param, change, reason),
                 on_changed);
}

struct pg_op *broadcast_count_start(struct pg *pg, int64_t bot,
                                    const struct broadcast_order *order)
{
    char id[24];
    struct slice params[] = { pg_int_param(id, bot), slice_of(order->who),
                              order->what };

    return pg_query(pg, &broadcast_count_statement, params, 3);
}

struct pg_op *broadcast_errors_start(struct pg *pg, int64_t id)
{
    char text[24];
    struct slice param = pg_int_param(text, id);

    return pg_query(pg, &broadcast_errors_statement, &param, 1);
}

struct pg_op *broadcast_chats_start(struct pg *pg, int64_t id, int64_t after,
                                    const char *state)
{
    char text[24], chat[24];
    struct slice params[] = { pg_int_param(text, id), pg_int_param(chat, after),
                              slice_of(state) };

    return pg_query(pg, &broadcast_chats_statement, params, 3);
}
