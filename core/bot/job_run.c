/* job_run.c - see jobs_int.h: one job from when it was taken to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "bot/jobs_int.h"

#define ERROR_MAX 4000 /* bytes that are kept */
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

/* As PostgreSQL takes it: UTF-8, without secrets, not too long. */
static void set_error(struct job_run *run, const char *why)
{
    struct buf shown = BUF_INIT, json = BUF_INIT, clean = BUF_INIT;
    size_t n = strlen(why);

    log_redact(&shown, (struct slice){ why, n < ERROR_MAX ? n : ERROR_MAX });
    json_add_text(&json, buf_slice(&shown));
    if (!json_to_text(buf_slice(&json), &clean))
        buf_adds(&clean, "?");
    free(run->error);
    run->error = buf_detach(&clean);
    buf_release(&shown);
    buf_release(&json);
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
