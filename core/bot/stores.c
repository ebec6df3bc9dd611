/* stores.c - see stores.h. */
#include "bot/stores.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bot/stores_statements.h"

#define KEYS_PER_STATEMENT 500
#define SWEEP_MS 60000
#define SWEEP_ROWS 1000
#define SWEEP_PAUSE_MS 200 /* when there are more */

TAILQ_HEAD(store_ops, store_op);

/* Reads that go in one statement. */
struct store_batch {
    struct stores *stores;
    struct pg_op *query;
    struct store_op *ops[KEYS_PER_STATEMENT]; /* NULL: it has left */
    int n;
    TAILQ_ENTRY(store_batch) link;
};

struct stores {
    struct loop *loop;
    struct pg *pg;
    struct stores_options options;
    struct store_desk desk;
    struct store_ops wanted; /* since the last turn's end */
    TAILQ_HEAD(, store_batch) batches;
    struct loop_turn_hook *hook;
    struct op *timer; /* of the next sweep */
    struct pg_op *sweeping;
    bool told;
};

static struct slice now_param(char storage[24])
{
    return pg_int_param(storage, clock_wall_us() / 1000);
}

/* --- ops ---------------------------------------------------------------------------- */

static void leave_batch(struct store_op *op)
{
    struct store_batch *batch = op->batch;

    for (int i = 0; batch && i < batch->n; i++)
        if (batch->ops[i] == op)
            batch->ops[i] = NULL;
    op->batch = NULL;
}

static void op_stop(struct op *op)
{
    struct store_op *o = (struct store_op *)op;

    if (o->query)
        return; /* goes with it */
    if (o->batch)
        leave_batch(o);
    else
        TAILQ_REMOVE(&o->stores->wanted, o, link);
}

static void op_release(struct op *op)
{
    struct store_op *o = (struct store_op *)op;

    if (o->query)
        op_free(&o->query->op);
    free(o->text);
    free(o);
}

static const struct op_class store_class = { "store", op_stop, op_release };

static struct store_op *op_new(struct stores *stores, int64_t id)
{
    struct store_op *op = xalloc(sizeof(*op));

    op_init(&op->op, &store_class, stores->loop);
    op->stores = stores;
    op->chat_id =
        stores->options.configs ? config_home(stores->options.configs, id) : id;
    if (stores->options.touches)
        stores->options.touches(op->chat_id, stores->options.arg);
    return op;
}

static void on_answer(struct op *query)
{
    struct store_op *op = query->arg;

    if (query->err.kind)
        op->op.err = query->err;
    else
        op->read(op);
    op_complete_here(&op->op);
}

static struct store_op *send(struct store_op *op,
                             const struct pg_statement *statement,
                             const struct slice *params,
                             void (*read)(struct store_op *op))
{
    op->read = read;
    op->query = pg_query(op->stores->pg, statement, params, statement->nparams);
    op->query->op.done = on_answer;
    op->query->op.arg = op;
    return op;
}

/* --- getting ------------------------------------------------------------------------- */

/* As an element of an array. */
static void add_key(struct buf *out, const char *key)
{
    buf_addc(out, '"');
    for (; *key; key++) {
        if (*key == '"' || *key == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *key);
    }
    buf_addc(out, '"');
}

static void give_value(struct store_batch *batch, int row)
{
    int64_t i = pg_int(batch->query, row, 0) - 1;
    struct store_op *op;

    assert(i >= 0 && i < batch->n);
    op = batch->ops[i];
    if (!op)
        return;
    free(op->text);
    op->text = slice_dup(pg_value(batch->query, row, 1));
    op->value = slice_of(op->text);
    op->outcome = STORE_DONE;
}

static void batch_free(struct store_batch *batch)
{
    TAILQ_REMOVE(&batch->stores->batches, batch, link);
    op_free(&batch->query->op);
    free(batch);
}

static void on_got(struct op *query)
{
    struct store_batch *batch = query->arg;

    for (int i = 0; !query->err.kind && i < pg_rows(batch->query); i++)
        give_value(batch, i);
    for (int i = 0; i < batch->n; i++) {
        struct store_op *op = batch->ops[i];

        if (!op)
            continue;
        op->op.err = query->err;
        op->batch = NULL;
        op_complete(&op->op);
    }
    batch_free(batch);
}

static void send_batch(struct stores *stores)
{
    struct store_batch *batch = xalloc(sizeof(*batch));
    struct buf chats = BUF_INIT, keys = BUF_INIT;
    struct store_op *op;
    char now[24];

    batch->stores = stores;
    while (batch->n < KEYS_PER_STATEMENT &&
           (op = TAILQ_FIRST(&stores->wanted))) {
        TAILQ_REMOVE(&stores->wanted, op, link);
        op->batch = batch;
        buf_addc(&chats, batch->n ? ',' : '{');
        buf_addc(&keys, batch->n ? ',' : '{');
        buf_add_int(&chats, op->chat_id);
        add_key(&keys, op->text);
        batch->ops[batch->n++] = op;
    }
    buf_addc(&chats, '}');
    buf_addc(&keys, '}');
    batch->query =
        pg_query(stores->pg, &store_get_statement,
                 (struct slice[]){ buf_slice(&chats), buf_slice(&keys),
                                   now_param(now) },
                 3);
    batch->query->op.done = on_got;
    batch->query->op.arg = batch;
    TAILQ_INSERT_TAIL(&stores->batches, batch, link);
    buf_release(&chats);
    buf_release(&keys);
}

static void send_wanted(void *arg)
{
    struct stores *stores = arg;

    while (!TAILQ_EMPTY(&stores->wanted))
        send_batch(stores);
}

static struct store_op *desk_get(void *arg, int64_t id, struct slice key)
{
    struct stores *stores = arg;
    struct store_op *op = op_new(stores, id);

    op->text = slice_dup(key);
    op->outcome = STORE_NOT;
    TAILQ_INSERT_TAIL(&stores->wanted, op, link);
    loop_turn_wanted(stores->loop);
    return op;
}

/* --- everything ------------------------------------------------------------------------ */

static void read_all(struct store_op *op)
{
    op->n = pg_rows(op->query);
}

static struct store_op *desk_all(void *arg, int64_t id)
{
    struct store_op *op = op_new(arg, id);
    char chat[24], now[24];

    return send(op, &store_all_statement,
                (struct slice[]){ pg_int_param(chat, op->chat_id),
                                  now_param(now) },
                read_all);
}

/* --- writing ----------------------------------------------------------------------------- */

static bool is_true(const struct pg_op *query, int column)
{
    return slice_eq(pg_value(query, 0, column), "t");
}

static void read_set(struct store_op *op)
{
    if (is_true(op->query, 1))
        op->outcome = STORE_DONE;
    else
        op->outcome = is_true(op->query, 0) ? STORE_NOT : STORE_FULL;
}

static struct slice ttl_param(char storage[24], int64_t ttl_ms)
{
    return ttl_ms ? pg_int_param(storage, ttl_ms) : SLICE_NONE;
}

static struct store_op *desk_set(void *arg, int64_t id, struct slice key,
                                 struct slice json, int64_t ttl_ms,
                                 bool only_new)
{
    struct store_op *op = op_new(arg, id);
    char chat[24], now[24], ttl[24], most[24];

    return send(op, &store_set_statement,
                (struct slice[]){
                    pg_int_param(chat, op->chat_id), key, json, now_param(now),
                    ttl_param(ttl, ttl_ms),
                    pg_int_param(most, op->stores->options.keys_max),
                    slice_of(only_new ? "t" : "f") },
                read_set);
}

static void read_add(struct store_op *op)
{
    op->value = pg_value(op->query, 0, 1);
    if (op->value.p)
        op->outcome = STORE_DONE;
    else
        op->outcome = is_true(op->query, 0) ? STORE_NO_NUMBER : STORE_FULL;
}

static struct store_op *desk_add(void *arg, int64_t id, struct slice key,
                                 struct slice number, int64_t ttl_ms)
{
    struct store_op *op = op_new(arg, id);
    char chat[24], now[24], ttl[24], most[24];

    return send(op, &store_add_statement,
                (struct slice[]){
                    pg_int_param(chat, op->chat_id), key, number,
                    now_param(now), ttl_param(ttl, ttl_ms),
                    pg_int_param(most, op->stores->options.keys_max) },
                read_add);
}

static void read_take(struct store_op *op)
{
    op->outcome = pg_rows(op->query) ? STORE_DONE : STORE_NOT;
    if (pg_rows(op->query))
        op->value = pg_value(op->query, 0, 0);
}

static struct store_op *desk_take(void *arg, int64_t id, struct slice key)
{
    struct store_op *op = op_new(arg, id);
    char chat[24], now[24];

    return send(op, &store_take_statement,
                (struct slice[]){ pg_int_param(chat, op->chat_id), key,
                                  now_param(now) },
                read_take);
}

static void read_clear(struct store_op *op)
{
    op->n = pg_int(op->query, 0, 0);
}

static struct store_op *desk_clear(void *arg, int64_t id)
{
    struct store_op *op = op_new(arg, id);
    char chat[24], now[24];

    return send(op, &store_clear_statement,
                (struct slice[]){ pg_int_param(chat, op->chat_id),
                                  now_param(now) },
                read_clear);
}

/* --- what has expired ---------------------------------------------------------------------- */

static void sweep_in(struct stores *stores, int64_t ms);

static void on_swept(struct op *op)
{
    struct stores *stores = op->arg;
    bool more = !op->err.kind && pg_affected(stores->sweeping) == SWEEP_ROWS;

    if (op->err.kind && !stores->told)
        log_warn("store", "what has expired is not deleted for now: %s",
                 op->err.text);
    stores->told = op->err.kind != ERR_NONE;
    op_free(op);
    stores->sweeping = NULL;
    sweep_in(stores, more ? SWEEP_PAUSE_MS : SWEEP_MS);
}

static void on_sweep(struct op *timer)
{
    struct stores *stores = timer->arg;
    char now[24], most[24];

    op_free(timer);
    stores->timer = NULL;
    stores->sweeping =
        pg_query(stores->pg, &store_sweep_statement,
                 (struct slice[]){ now_param(now),
                                   pg_int_param(most, SWEEP_ROWS) },
                 2);
    stores->sweeping->op.done = on_swept;
    stores->sweeping->op.arg = stores;
}

static void sweep_in(struct stores *stores, int64_t ms)
{
    stores->timer = timer_in_background(timer_start(stores->loop, ms));
    stores->timer->done = on_sweep;
    stores->timer->arg = stores;
}

void stores_start(struct stores *stores)
{
    if (!stores->timer && !stores->sweeping)
        sweep_in(stores, 0);
}

/* --- making --------------------------------------------------------------------------------- */

struct stores *stores_new(struct loop *loop, struct pg *pg,
                          const struct stores_options *options)
{
    struct stores *stores = xalloc(sizeof(*stores));

    stores->loop = loop;
    stores->pg = pg;
    stores->options = *options;
    stores->desk = (struct store_desk){
        .get = desk_get,
        .all = desk_all,
        .set = desk_set,
        .add = desk_add,
        .take = desk_take,
        .clear = desk_clear,
        .arg = stores,
        .value_max = options->value_max,
        .keys_max = options->keys_max,
    };
    TAILQ_INIT(&stores->wanted);
    TAILQ_INIT(&stores->batches);
    stores->hook = loop_at_end_of_turn(loop, send_wanted, stores);
    return stores;
}

void stores_free(struct stores *stores)
{
    struct store_batch *batch;

    if (!stores)
        return;
    assert(TAILQ_EMPTY(&stores->wanted));
    while ((batch = TAILQ_FIRST(&stores->batches)))
        batch_free(batch);
    op_free(stores->timer);
    if (stores->sweeping)
        op_free(&stores->sweeping->op);
    loop_end_of_turn_cancel(stores->hook);
    free(stores);
}

const struct store_desk *stores_desk(const struct stores *stores)
{
    return &stores->desk;
}
