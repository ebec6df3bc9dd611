/* job_run.c - see jobs_int.h: one job from when it was taken to its last write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/metrics.h"
#include "bot/job_desk.h"
#include "bot/jobs_int.h"
#include "bot/jobs_statements.h"

#define ERROR_MAX 4000 /* bytes that are kept */
#define PAUSE_MS 1000  /* after a write has failed */
#define BACKOFF_MAX_MS (3600 * 1000)
#define NO_DATABASE_MS 5000 /* then it is tried again, and was no try */

static struct metric runs_total = {
    .name = "moonpost_job_runs_total",
    .help = "Jobs that were run, by how it ended: done, retry, failed, "
            "skipped, crashed.",
    .type = METRIC_COUNTER,
    .labels = { "result" },
};
static struct metric late_seconds = {
    .name = "moonpost_job_late_seconds",
    .help = "How long after their time jobs were taken.",
    .type = METRIC_HISTOGRAM,
};

static void count(const char *result)
{
    metric_add(metric_of(&runs_total, result), 1);
}

/* --- life ------------------------------------------------------------------------- */

static struct job_run *run_new(struct jobs *jobs, int64_t id, struct slice name)
{
    struct job_run *run = xalloc(sizeof(*run));

    run->jobs = jobs;
    run->name = slice_dup(name);
    run->start.id = id;
    run->start.name = run->name;
    run->state = RUN_ENDED;
    TAILQ_INSERT_TAIL(&jobs->runs, run, link);
    return run;
}

void job_run_free(struct job_run *run)
{
    struct jobs *jobs = run->jobs;

    if (run->state == RUN_ACTIVE)
        jobs->active--;
    if (run->op)
        op_free(&run->op->op);
    TAILQ_REMOVE(&jobs->runs, run, link);
    free(run->error);
    free(run->again);
    free(run->what);
    free(run->name);
    free(run);
}

static bool repeats(const struct job_run *run)
{
    return run->every || run->again;
}

/* Of bot.schedule, as it stands in its row. */
static bool read_again(struct job_run *run)
{
    struct err ignored = ERR_INIT;

    return !run->again ||
           duration_parse(slice_of(run->again), &run->interval_ms, &ignored) ||
           cron_parse(&run->cron, run->again, &ignored);
}

/* As the scripts have it now. False: they don't. */
static bool read_def(struct job_run *run)
{
    const struct job_def *def = job_defs_find(&run->jobs->gen->jobs, run->name);

    if (!def || def->every != run->every)
        return false;
    run->what = xstrdup(def->what);
    run->cron = def->cron;
    run->interval_ms = def->interval_ms;
    run->jitter_ms = def->jitter_ms;
    run->backoff_ms = def->backoff_ms;
    run->missed = def->missed;
    run->tries = def->tries;
    return read_again(run);
}

/* Its end is written with the others of this turn. */
static void end(struct job_run *run, enum run_outcome outcome)
{
    if (run->state == RUN_ACTIVE)
        run->jobs->active--;
    run->state = RUN_ENDED;
    run->outcome = outcome;
    loop_turn_wanted(run->jobs->loop);
}

static void set_error(struct job_run *run, const char *why)
{
    size_t n = strlen(why);

    if (n > ERROR_MAX) {
        n = ERROR_MAX;
        while (n > 0 && ((unsigned char)why[n] & 0xC0) == 0x80)
            n--;
    }
    free(run->error);
    run->error = slice_dup((struct slice){ why, n });
}

void job_run_release(struct job_run *run)
{
    end(run, RUN_RELEASE);
}

/* --- its task ------------------------------------------------------------------------ */

static int push(lua_State *L, struct task *t)
{
    struct job_run *run = t->in->origin_arg;

    t->in->u.chat_id = config_home(run->jobs->options.store, run->chat_id);
    return job_push(L, t, &run->start);
}

static int64_t backoff(const struct job_run *run)
{
    int64_t ms = run->backoff_ms;

    for (int i = 0; i < run->failed && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < BACKOFF_MAX_MS || ms == run->backoff_ms ? ms : BACKOFF_MAX_MS;
}

static void retry(struct job_run *run, int64_t ms, bool counts)
{
    run->retry_ms = ms;
    run->counts = counts;
    count("retry");
    log_info("job", "%s: job %lld is tried again in %lld s%s", run->what,
             (long long)run->start.id, (long long)((ms + 999) / 1000),
             counts ? "" : ", as the database could not be reached");
    end(run, RUN_RETRY);
}

static void fail(struct job_run *run, const char *why)
{
    set_error(run, why);
    if (run->failed + 1 < run->tries) {
        retry(run, backoff(run), true);
        return;
    }
    count("failed");
    run->counts = true;
    if (repeats(run)) {
        end(run, RUN_NEXT);
        return;
    }
    log_error("job", "%s: job %lld is set aside after %d of %d tries",
              run->what, (long long)run->start.id, run->failed + 1, run->tries);
    end(run, RUN_ASIDE);
}

static void on_task_done(struct incoming *in, enum task_result result)
{
    struct job_run *run = in->origin_arg;

    if (run->state != RUN_ACTIVE)
        return;
    run->in = NULL;
    if (run->start.lost || result == TASK_KILLED) {
        end(run, RUN_RELEASE);
    } else if (result == TASK_OK && run->start.returned) {
        count("done");
        end(run, repeats(run) ? RUN_NEXT : RUN_OVER);
    } else if (result == TASK_NO_DATABASE) {
        set_error(run, in->error ? in->error : "");
        retry(run, NO_DATABASE_MS, false);
    } else {
        fail(run,
             in->error ? in->error : "it raised, and bot.catch took the error");
    }
}

static void on_task_free(void *arg)
{
    struct job_run *run = arg;

    run->in_lane = false;
    run->in = NULL;
    if (run->state == RUN_WRITTEN)
        job_run_free(run);
}

static const struct origin origin = { "job", push, on_task_done, on_task_free };

static void start(struct job_run *run, struct slice data)
{
    struct incoming *in = xalloc(sizeof(*in));

    buf_init(&in->text);
    buf_add_slice(&in->text, data);
    in->u.chat_id = run->chat_id;
    in->lane =
        run->chat_id
            ? config_home(run->jobs->options.store, run->chat_id)
            : UPDATE_LANE_OWN + (run->start.id & (UPDATE_LANE_QUERIES - 1));
    in->origin = &origin;
    in->origin_arg = run;
    run->in = in;
    run->in_lane = true;
    run->state = RUN_ACTIVE;
    run->jobs->active++;
    metric_observe(metric_plain(&late_seconds), run->late_ms * 1000);
    lanes_push(run->jobs->options.lanes, in);
}

/* --- taking --------------------------------------------------------------------------- */

static void crashed(struct job_run *run)
{
    char why[80];

    snprintf(why, sizeof(why), "the process died each of %d times while it ran",
             run->died);
    set_error(run, why);
    log_error("job", "%s: job %lld: %s%s", run->what, (long long)run->start.id,
              why, repeats(run) ? "" : ": it is set aside");
    count("crashed");
    end(run, repeats(run) ? RUN_NEXT : RUN_ASIDE);
}

static bool is_missed(const struct job_run *run)
{
    int64_t grace = JOBS_GRACE_MS;

    if (run->interval_ms && run->interval_ms / 2 < grace)
        grace = run->interval_ms / 2;
    return run->every && run->missed == JOB_MISSED_SKIP && !run->failed &&
           !run->died && run->late_ms > grace;
}

/* The schedule of one that is not of bot.every. */
static void set_again(struct job_run *run, const struct pg_op *op, int row,
                      int column)
{
    if (!run->every && !pg_is_null(op, row, column))
        run->again = slice_dup(pg_value(op, row, column));
}

void job_run_take(struct jobs *jobs, const struct pg_op *op, int row)
{
    struct job_run *run =
        run_new(jobs, pg_int(op, row, 0), pg_value(op, row, 1));

    run->every = slice_eq(pg_value(op, row, 2), "t");
    run->chat_id = pg_int(op, row, 3);
    run->failed = run->start.tries = (int)pg_int(op, row, 5);
    run->died = (int)pg_int(op, row, 6);
    run->start.due_ms = pg_int(op, row, 7);
    run->late_ms = pg_int(op, row, 8);
    run->now_ms = pg_int(op, row, 9);
    run->due_minute = pg_int(op, row, 10);
    run->now_minute = pg_int(op, row, 11);
    set_again(run, op, row, 15);
    if (!read_def(run)) {
        end(run, RUN_RELEASE);
    } else if (run->died >= JOBS_CRASHES_MAX) {
        crashed(run);
    } else if (is_missed(run)) {
        log_info("job", "%s: left out, as it is %lld s late", run->what,
                 (long long)(run->late_ms / 1000));
        count("skipped");
        end(run, RUN_NEXT);
    } else {
        start(run,
              pg_is_null(op, row, 4) ? slice_of("") : pg_value(op, row, 4));
    }
}

void job_run_reckon(struct jobs *jobs, const struct pg_op *op, int row)
{
    struct job_run *run =
        run_new(jobs, pg_int(op, row, 0), pg_value(op, row, 1));

    run->every = slice_eq(pg_value(op, row, 5), "t");
    run->fresh = true;
    set_again(run, op, row, 6);
    run->now_ms = run->start.due_ms = pg_int(op, row, 2);
    run->now_minute = pg_int(op, row, 3);
    if (!read_def(run))
        job_run_free(run);
    else if (!pg_is_null(op, row, 4)) {
        log_error("job", "%s: %.*s; it does not run", run->what,
                  (int)pg_value(op, row, 4).n, pg_value(op, row, 4).p);
        job_run_free(run);
    } else {
        end(run, RUN_NEXT);
    }
}

/* --- writing --------------------------------------------------------------------------- */

static void on_pause_over(struct op *op)
{
    struct jobs *jobs = op->arg;

    op_free(op);
    jobs->pause = NULL;
    job_runs_write(jobs);
}

static void trouble(struct jobs *jobs, const struct op *op)
{
    if (!jobs->told_trouble && pg_is_up(jobs->pg))
        log_warn("job", "%s; trying again", op->err.text);
    jobs->told_trouble = true;
    if (jobs->pause)
        return;
    jobs->pause = timer_start(jobs->loop, PAUSE_MS);
    jobs->pause->done = on_pause_over;
    jobs->pause->arg = jobs;
}

static void written(struct job_run *run)
{
    run->state = RUN_WRITTEN;
    if (!run->in_lane)
        job_run_free(run);
}

static void on_written(struct op *op)
{
    struct job_run *run = op->arg;
    struct jobs *jobs = run->jobs;
    struct pg_op *query = run->op;

    run->op = NULL;
    if (op->err.kind) {
        run->state = RUN_ENDED;
        trouble(jobs, op);
    } else {
        jobs->told_trouble = false;
        if (run->outcome == RUN_NEXT && pg_rows(query))
            jobs_due_in(jobs, pg_int(query, 0, 0));
        else if (run->outcome == RUN_RETRY)
            jobs_due_in(jobs, run->retry_ms);
        written(run);
    }
    op_free(op);
    jobs_settle(jobs);
}

static struct slice text_or_null(const char *text)
{
    return text ? slice_of(text) : SLICE_NONE;
}

static struct pg_op *write_next(const struct job_run *run)
{
    bool early = run->start.due_ms > run->now_ms; /* run by hand */
    bool all = run->missed == JOB_MISSED_ALL && !run->fresh && !early;

    return job_next_start(
        run->jobs->pg,
        &(struct job_next){
            .id = run->start.id,
            .owner = run->fresh ? 0 : run->jobs->options.instance,
            .cron = &run->cron,
            .interval_ms = run->interval_ms,
            .base_ms =
                run->interval_ms || all ? run->start.due_ms : run->now_ms,
            .base_minute = all ? run->due_minute : run->now_minute,
            .skips = !all,
            .jitter_ms = run->jitter_ms,
            .error = run->error,
        });
}

static struct pg_op *write_failed(const struct job_run *run)
{
    char id[24], me[24], ahead[24], ms[24];
    struct slice params[] = {
        pg_int_param(id, run->start.id),
        pg_int_param(me, run->jobs->options.instance),
        pg_int_param(ahead, clock_ahead_ms()),
        text_or_null(run->error),
        run->outcome == RUN_RETRY ? pg_int_param(ms, run->retry_ms)
                                  : SLICE_NONE,
        slice_of(run->counts ? "t" : "f"),
    };

    return pg_query(run->jobs->pg, &jobs_failed_statement, params, 6);
}

static void write_one(struct job_run *run)
{
    run->op = run->outcome == RUN_NEXT ? write_next(run) : write_failed(run);
    run->op->op.done = on_written;
    run->op->op.arg = run;
    run->state = RUN_WRITING;
}

/* Those of an outcome that are on their way together. */
static void finish_many(struct jobs *jobs, enum run_outcome outcome, bool ok)
{
    struct job_run *run, *next;

    for (run = TAILQ_FIRST(&jobs->runs); run; run = next) {
        next = TAILQ_NEXT(run, link);
        if (run->state != RUN_WRITING || run->outcome != outcome)
            continue;
        if (ok)
            written(run);
        else
            run->state = RUN_ENDED;
    }
}

static void many_written(struct jobs *jobs, struct op *op, struct pg_op **slot,
                         enum run_outcome outcome)
{
    *slot = NULL;
    finish_many(jobs, outcome, op->err.kind == ERR_NONE);
    if (op->err.kind)
        trouble(jobs, op);
    else
        jobs->told_trouble = false;
    op_free(op);
    job_runs_write(jobs);
    jobs_settle(jobs);
}

static void on_over(struct op *op)
{
    struct jobs *jobs = op->arg;

    many_written(jobs, op, &jobs->over, RUN_OVER);
}

static void on_released(struct op *op)
{
    struct jobs *jobs = op->arg;

    many_written(jobs, op, &jobs->release, RUN_RELEASE);
}

static void write_many(struct jobs *jobs, enum run_outcome outcome,
                       const struct pg_statement *statement,
                       struct pg_op **slot, op_done_fn done)
{
    struct buf ids = BUF_INIT;
    struct job_run *run;
    char me[24];

    if (*slot)
        return;
    TAILQ_FOREACH (run, &jobs->runs, link) {
        if (run->state != RUN_ENDED || run->outcome != outcome)
            continue;
        buf_addc(&ids, ids.len ? ',' : '{');
        buf_add_int(&ids, run->start.id);
        run->state = RUN_WRITING;
    }
    if (ids.len) {
        buf_addc(&ids, '}');
        *slot =
            pg_query(jobs->pg, statement,
                     (struct slice[]){ pg_int_param(me, jobs->options.instance),
                                       buf_slice(&ids) },
                     2);
        (*slot)->op.done = done;
        (*slot)->op.arg = jobs;
    }
    buf_release(&ids);
}

void job_runs_write(void *arg)
{
    struct jobs *jobs = arg;
    struct job_run *run;

    if (jobs->pause)
        return;
    write_many(jobs, RUN_OVER, &jobs_done_statement, &jobs->over, on_over);
    write_many(jobs, RUN_RELEASE, &jobs_release_statement, &jobs->release,
               on_released);
    TAILQ_FOREACH (run, &jobs->runs, link)
        if (run->state == RUN_ENDED && run->outcome != RUN_OVER &&
            run->outcome != RUN_RELEASE)
            write_one(run);
}
