/* broadcasts.c - see broadcasts.h: which broadcasts this process sends. */
#include "bot/broadcasts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "bot/broadcast_statements.h"
#include "bot/broadcasts_int.h"

#define RUNS_MAX 8   /* broadcasts that a process sends side by side */
#define LOOK_MS 1000 /* while there is something; less than the lease's time */
#define LOOK_IDLE_MS 10000
#define PRUNE_MS 60000
#define PRUNE_ROWS 5000

static void look(struct broadcasts *b);

/* --- when ------------------------------------------------------------------------- */

static void on_timer(struct op *op)
{
    struct broadcasts *b = op->arg;

    op_free(op);
    b->timer = NULL;
    look(b);
}

static void look_in(struct broadcasts *b, int64_t ms)
{
    op_free(b->timer);
    b->timer = timer_in_background(timer_start(b->loop, ms));
    b->timer->done = on_timer;
    b->timer->arg = b;
}

void broadcasts_kick(struct broadcasts *b)
{
    b->kicked = true;
    if (b->started && !b->stopping && !b->look)
        look_in(b, 0);
}

/* --- old ones ------------------------------------------------------------------------ */

static void on_pruned(struct op *op)
{
    struct broadcasts *b = op->arg;

    if (op->err.kind)
        log_debug("broadcast", "%s", op->err.text);
    b->prune = NULL;
    op_free(op);
}

static void prune(struct broadcasts *b)
{
    char days[24], rows[24];
    int64_t now = loop_now_ms();

    if (b->prune || now - b->pruned_ms < PRUNE_MS)
        return;
    b->pruned_ms = now;
    b->prune =
        pg_query(b->pg, &broadcast_prune_statement,
                 (struct slice[]){ pg_int_param(days, b->options.keep_days),
                                   pg_int_param(rows, PRUNE_ROWS) },
                 2);
    b->prune->op.done = on_pruned;
    b->prune->op.arg = b;
}

/* --- looking ------------------------------------------------------------------------- */

static void add_ids(const struct broadcasts *b, struct buf *out)
{
    struct run *run;

    buf_addc(out, '{');
    TAILQ_FOREACH (run, &b->runs, link)
        buf_addf(out, "%s%lld", run == TAILQ_FIRST(&b->runs) ? "" : ",",
                 (long long)run->id);
    buf_addc(out, '}');
}

/* In the order of broadcast_look_statement. */
static void take(struct broadcasts *b, const struct pg_op *rows, int row)
{
    struct found found = {
        .id = pg_int(rows, row, 1),
        .method = pg_value(rows, row, 2),
        .parameters = pg_value(rows, row, 3),
        .recipients = pg_value(rows, row, 4),
        .in_doubt = pg_int(rows, row, 5),
        .total = pg_int(rows, row, 6),
        .waiting = pg_int(rows, row, 7),
    };

    if (pg_is_null(rows, row, 1) || pg_is_null(rows, row, 3) ||
        run_find(b, found.id))
        return;
    run_begin(b, &found);
}

static void on_looked(struct op *op)
{
    struct broadcasts *b = op->arg;
    const struct pg_op *rows = (struct pg_op *)op;
    struct run *run;

    b->look = NULL;
    if (op->err.kind && !b->told)
        log_warn("broadcast", "can't look for broadcasts: %s", op->err.text);
    b->told = op->err.kind != ERR_NONE;
    for (int i = 0; !op->err.kind && !b->stopping && i < pg_rows(rows); i++) {
        b->running = (int)pg_int(rows, i, 0);
        take(b, rows, i);
    }
    op_free(op);
    TAILQ_FOREACH (run, &b->runs, link)
        run_tell(run);
    if (b->stopping)
        return;
    prune(b);
    look_in(b, b->kicked                    ? 0
               : b->running > 0 || b->nruns ? LOOK_MS
                                            : LOOK_IDLE_MS);
}

static void look(struct broadcasts *b)
{
    struct buf ids = BUF_INIT;
    char bot[24], max[24];

    b->kicked = false;
    add_ids(b, &ids);
    b->look = pg_query(b->pg, &broadcast_look_statement,
                       (struct slice[]){ pg_int_param(bot, b->bot),
                                         slice_of(b->id), buf_slice(&ids),
                                         pg_int_param(max, RUNS_MAX) },
                       4);
    b->look->op.done = on_looked;
    b->look->op.arg = b;
    buf_release(&ids);
}

struct run *run_find(struct broadcasts *b, int64_t id)
{
    struct run *run;

    TAILQ_FOREACH (run, &b->runs, link)
        if (run->id == id)
            return run;
    return NULL;
}

/* --- the end --------------------------------------------------------------------------- */

static void on_released(struct op *op)
{
    struct broadcasts *b = op->arg;

    b->release = NULL;
    op_free(op);
    if (b->options.idle)
        b->options.idle(b->options.arg);
}

/* Others need not wait for the leases to run out. */
static void release(struct broadcasts *b)
{
    buf_addc(&b->ended, '}');
    b->release =
        pg_query(b->pg, &broadcast_release_statement,
                 (struct slice[]){ slice_of(b->id), buf_slice(&b->ended) }, 2);
    b->release->op.done = on_released;
    b->release->op.arg = b;
}

void broadcasts_ended(struct run *run)
{
    struct broadcasts *b = run->all;

    buf_addf(&b->ended, "%s%lld", b->ended.len ? "," : "{", (long long)run->id);
    run_free(run);
    if (!b->stopping) {
        buf_reset(&b->ended);
        broadcasts_kick(b);
    } else if (b->nruns == 0) {
        release(b);
    }
}

void broadcasts_stop(struct broadcasts *b)
{
    struct run *run, *next;

    if (b->stopping)
        return;
    b->stopping = true;
    buf_reset(&b->ended);
    op_free(b->timer);
    b->timer = NULL;
    for (run = TAILQ_FIRST(&b->runs); run; run = next) {
        next = TAILQ_NEXT(run, link);
        run_stop(run);
    }
    if (b->nruns == 0 && !b->release && b->options.idle)
        b->options.idle(b->options.arg);
}

bool broadcasts_idle(const struct broadcasts *b)
{
    return b->nruns == 0 && !b->release;
}

int broadcasts_running(const struct broadcasts *b)
{
    return b->nruns;
}

/* --- making ---------------------------------------------------------------------------- */

/* Two processes must not have the same: random() is seeded with the time. */
static void make_id(struct broadcasts *b)
{
    unsigned char bytes[16];

    if (getentropy(bytes, sizeof(bytes)) != 0)
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)random();
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(b->id + 2 * i, 3, "%02x", bytes[i]);
}

struct broadcasts *broadcasts_new(struct loop *loop, struct pg *pg,
                                  struct sender *sender, int64_t bot,
                                  const struct broadcasts_options *o)
{
    struct broadcasts *b = xalloc(sizeof(*b));

    b->loop = loop;
    b->pg = pg;
    b->sender = sender;
    b->bot = bot;
    b->options = *o;
    b->pruned_ms = loop_now_ms();
    make_id(b);
    buf_init(&b->ended);
    TAILQ_INIT(&b->runs);
    return b;
}

void broadcasts_start(struct broadcasts *b)
{
    b->started = true;
    if (!b->look && !b->timer)
        look_in(b, 0);
}

void broadcasts_free(struct broadcasts *b)
{
    struct run *run;

    if (!b)
        return;
    while ((run = TAILQ_FIRST(&b->runs)))
        run_free(run);
    op_free(b->timer);
    if (b->look)
        op_free(&b->look->op);
    if (b->release)
        op_free(&b->release->op);
    if (b->prune)
        op_free(&b->prune->op);
    buf_release(&b->ended);
    free(b);
}
