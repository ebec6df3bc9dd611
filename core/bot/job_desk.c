/* job_desk.c - see job_desk.h. An op is one query. */
#include "bot/job_desk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "bot/jobs.h"
#include "bot/jobs_statements.h"

/* What job_op has in private. */
struct desk_op {
    struct job_op pub;
    struct pg *pg;
    struct jobs *jobs;
    bool again; /* of add: */
    struct cron cron;
    int64_t interval_ms;
};

static void desk_stop(struct op *op)
{
    (void)op; /* the query goes with it in free */
}

static void desk_free(struct op *op)
{
    struct job_op *j = (struct job_op *)op;

    op_free(j->query);
    op_free(j->then);
    free(j->list);
    free(j);
}

static const struct op_class desk_class = { "job", desk_stop, desk_free };

static struct op *begin(struct loop *loop, struct jobs *jobs,
                        struct pg_op *query, op_done_fn done)
{
    struct desk_op *d = xalloc(sizeof(*d));

    op_init(&d->pub.op, &desk_class, loop);
    d->jobs = jobs;
    d->pub.query = &query->op;
    query->op.done = done;
    query->op.arg = d;
    return &d->pub.op;
}

/* False: it has failed, and is complete. */
static bool went_well(struct desk_op *d, const struct op *op)
{
    if (op->err.kind == ERR_NONE)
        return true;
    d->pub.op.err = op->err;
    op_complete_here(&d->pub.op);
    return false;
}

static struct slice id_or_null(char text[24], int64_t n, int64_t null)
{
    return n == null ? SLICE_NONE : pg_int_param(text, n);
}

/* --- the next time ---------------------------------------------------------------- */

struct pg_op *job_next_start(struct pg *pg, const struct job_next *next)
{
    char id[24], owner[24], base[24], minute[24], minutes[24], interval[24],
        ahead[24], jitter[24];
    bool cron = next->interval_ms == 0;
    int64_t from = next->base_minute;
    struct slice params[] = {
        pg_int_param(id, next->id),
        pg_int_param(owner, next->owner),
        pg_int_param(base, next->base_ms),
        pg_int_param(minute, from),
        pg_int_param(minutes, cron ? cron_next(next->cron, from) - from : 0),
        slice_of(cron && next->cron->every_hour ? "t" : "f"),
        pg_int_param(interval, next->interval_ms),
        slice_of(next->skips ? "t" : "f"),
        pg_int_param(ahead, clock_ahead_ms()),
        pg_int_param(jitter, next->jitter_ms),
        next->error ? slice_of(next->error) : SLICE_NONE,
    };

    return pg_query(pg, &jobs_next_statement, params, 11);
}

/* --- making ----------------------------------------------------------------------- */

static void on_reckoned(struct op *op)
{
    struct desk_op *d = op->arg;
    const struct pg_op *query = (struct pg_op *)op;

    if (!went_well(d, op))
        return;
    if (pg_rows(query) && d->jobs)
        jobs_due_in(d->jobs, pg_int(query, 0, 0));
    op_complete_here(&d->pub.op);
}

/* It stands there, without a time. */
static void reckon(struct desk_op *d, const struct pg_op *added)
{
    struct pg_op *query =
        job_next_start(d->pg, &(struct job_next){
                                  .id = d->pub.id,
                                  .cron = &d->cron,
                                  .interval_ms = d->interval_ms,
                                  .base_ms = pg_int(added, 0, 3),
                                  .base_minute = pg_int(added, 0, 4) });

    query->op.done = on_reckoned;
    query->op.arg = d;
    d->pub.then = &query->op;
}

static void on_added(struct op *op)
{
    struct desk_op *d = op->arg;
    const struct pg_op *query = (struct pg_op *)op;

    if (!went_well(d, op))
        return;
    d->pub.id = pg_int(query, 0, 0);
    d->pub.is_new = slice_eq(pg_value(query, 0, 1), "t");
    d->pub.wait_ms = pg_int(query, 0, 2);
    if (d->again) {
        reckon(d, query);
        return;
    }
    if (d->jobs)
        jobs_due_in(d->jobs, d->pub.wait_ms);
    op_complete_here(&d->pub.op);
}

struct op *job_add_start(struct loop *loop, struct pg *pg, struct jobs *jobs,
                         int64_t bot, const struct job_order *order)
{
    char id[24], chat[24], delay[24], at[24], ahead[24];
    bool relative = order->delay_ms >= 0, text = order->at.p != NULL;
    struct desk_op *d;
    struct op *op;
    struct slice params[] = {
        pg_int_param(id, bot),
        slice_of(order->name),
        id_or_null(chat, order->chat_id, 0),
        order->key,
        order->data,
        relative ? pg_int_param(delay, order->delay_ms) : SLICE_NONE,
        relative || text ? SLICE_NONE : pg_int_param(at, order->at_ms),
        order->at,
        order->zone ? slice_of(order->zone) : SLICE_NONE,
        slice_of(order->replace ? "t" : "f"),
        pg_int_param(ahead, clock_ahead_ms()),
        slice_of(order->made_by),
        order->schedule ? slice_of(order->schedule) : SLICE_NONE,
    };

    op = begin(loop, jobs, pg_query(pg, &jobs_add_statement, params, 13),
               on_added);
    d = (struct desk_op *)op;
    d->pg = pg;
    d->again = order->schedule != NULL;
    d->cron = order->cron;
    d->interval_ms = order->interval_ms;
    return op;
}

/* --- cancelling --------------------------------------------------------------------- */

static void on_cancelled(struct op *op)
{
    struct desk_op *d = op->arg;

    if (!went_well(d, op))
        return;
    d->pub.n = (int)pg_int((struct pg_op *)op, 0, 0);
    op_complete_here(&d->pub.op);
}

/* The first five parameters, in chars that must stay. */
struct wanted {
    char bot[24], id[24], chat[24];
};

static void add_wanted(const struct job_filter *f, struct wanted *w,
                       struct slice *params)
{
    params[0] = pg_int_param(w->bot, f->bot);
    params[1] = pg_int_param(w->id, f->id);
    params[2] = slice_of(f->name);
    params[3] = id_or_null(w->chat, f->chat_id, JOB_CHAT_ANY);
    params[4] = f->key;
}

struct op *job_cancel_start(struct loop *loop, struct pg *pg,
                            const struct job_filter *filter)
{
    struct slice params[5];
    struct wanted w;

    add_wanted(filter, &w, params);
    return begin(loop, NULL, pg_query(pg, &jobs_cancel_statement, params, 5),
                 on_cancelled);
}

/* --- listing --------------------------------------------------------------------------- */

/* In the order of jobs_list_statement. */
static void read_row(const struct pg_op *op, int row, struct job_info *job)
{
    struct slice *const texts[] = { &job->key,  &job->data,  &job->schedule,
                                    &job->zone, &job->error, &job->made_by };
    int64_t *const numbers[] = { &job->tries,  &job->crashes, &job->due_ms,
                                 &job->run_ms, &job->made_ms, &job->last_ms,
                                 &job->wait_ms };
    int column = 0;

    job->id = pg_int(op, row, column++);
    job->bot_id = pg_int(op, row, column++);
    job->name = pg_value(op, row, column++);
    job->state = pg_value(op, row, column++);
    job->chat_id = pg_int(op, row, column++);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++, column++)
        *texts[i] = pg_is_null(op, row, column) ? SLICE_NONE
                                                : pg_value(op, row, column);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        *numbers[i] = pg_int(op, row, column++);
}

static void on_listed(struct op *op)
{
    struct desk_op *d = op->arg;
    const struct pg_op *query = (struct pg_op *)op;

    if (!went_well(d, op))
        return;
    d->pub.n = pg_rows(query);
    d->pub.list = xalloc((size_t)(d->pub.n + 1) * sizeof(*d->pub.list));
    for (int i = 0; i < d->pub.n; i++)
        read_row(query, i, &d->pub.list[i]);
    op_complete_here(&d->pub.op);
}

struct op *job_list_start(struct loop *loop, struct pg *pg,
                          const struct job_filter *filter)
{
    char ahead[24], limit[24], after[24];
    struct slice params[9];
    struct wanted w;

    add_wanted(filter, &w, params);
    params[5] = slice_of(filter->state);
    params[6] = pg_int_param(ahead, clock_ahead_ms());
    params[7] = pg_int_param(limit, filter->limit);
    params[8] = pg_int_param(after, filter->after);
    return begin(loop, NULL, pg_query(pg, &jobs_list_statement, params, 9),
                 on_listed);
}

struct pg_op *job_run_now_start(struct pg *pg, int64_t bot, const char *ids)
{
    char ahead[24], of[24];
    struct slice params[] = { slice_of(ids),
                              pg_int_param(ahead, clock_ahead_ms()),
                              pg_int_param(of, bot) };

    return pg_query(pg, &jobs_run_statement, params, 3);
}

struct pg_op *job_drop_start(struct pg *pg, int64_t bot, const char *ids)
{
    char of[24];
    struct slice params[] = { slice_of(ids), pg_int_param(of, bot) };

    return pg_query(pg, &jobs_drop_statement, params, 2);
}
