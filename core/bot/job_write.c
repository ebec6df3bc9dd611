/* job_write.c - see jobs_int.h: what became of the jobs that have ended is written,
 * and tried again until it is. */
#include "base/clock.h"
#include "base/log.h"
#include "bot/job_desk.h"
#include "bot/jobs_int.h"
#include "bot/jobs_statements.h"

#define PAUSE_MS 1000 /* after a write has failed */

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
