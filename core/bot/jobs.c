/* jobs.c - see jobs.h: what is declared, when to look, and taking what is due. */
#include "bot/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "bot/instance.h"
#include "bot/jobs_int.h"
#include "bot/jobs_statements.h"

#define OTHERS_MS 2000 /* while other processes run jobs: one may die */
#define RETRY_MS 1000
#define LOCKED_MS 50 /* what is due is just being taken by another */
#define COUNT_MS 60000

static struct metric waiting_jobs = {
    .name = "moonpost_jobs_waiting",
    .help = "Jobs that wait for their time; 10000 stands for that or more.",
    .type = METRIC_GAUGE,
};
static struct metric failed_jobs = {
    .name = "moonpost_jobs_failed",
    .help = "Jobs that are set aside; 10000 stands for that or more.",
    .type = METRIC_GAUGE,
};
static struct metric running_jobs = {
    .name = "moonpost_jobs_running",
    .help = "Jobs that this process has taken.",
    .type = METRIC_GAUGE,
};

static double read_waiting(void *arg)
{
    return (double)((struct jobs *)arg)->waiting;
}

static double read_failed(void *arg)
{
    return (double)((struct jobs *)arg)->failed;
}

static double read_running(void *arg)
{
    return ((struct jobs *)arg)->active;
}

/* --- when ------------------------------------------------------------------------- */

static void stop_timers(struct jobs *jobs)
{
    op_free(jobs->timer);
    op_free(jobs->again);
    jobs->timer = jobs->again = NULL;
}

static void on_timer(struct op *op)
{
    jobs_look(op->arg); /* which frees the timers */
}

static struct op *look_in(struct jobs *jobs, int64_t ms)
{
    struct op *timer = timer_start(jobs->loop, ms > 0 ? ms : 0);

    timer->done = on_timer;
    timer->arg = jobs;
    return timer;
}

static bool may_look(const struct jobs *jobs)
{
    return jobs->started && !jobs->stopped && !jobs->look;
}

/* Sleep till the next one is due. */
static void arm(struct jobs *jobs)
{
    op_free(jobs->timer);
    jobs->timer = NULL;
    if (may_look(jobs) && jobs->wanted_at != INT64_MAX)
        jobs->timer = look_in(jobs, jobs->wanted_at - loop_now_ms());
}

/* Or look before that. A test that moves time on does not stop there. */
static void arm_again(struct jobs *jobs, int64_t ms)
{
    op_free(jobs->again);
    jobs->again = NULL;
    if (may_look(jobs))
        jobs->again = timer_in_background(look_in(jobs, ms));
}

void jobs_due_in(struct jobs *jobs, int64_t ms)
{
    int64_t at = loop_now_ms() + (ms > 0 ? ms : 0);

    if (at >= jobs->wanted_at)
        return;
    jobs->wanted_at = at;
    arm(jobs);
}

/* --- counting, for metrics ------------------------------------------------------------ */

static void on_counted(struct op *op)
{
    struct jobs *jobs = op->arg;

    if (!op->err.kind) {
        jobs->waiting = pg_int(jobs->count, 0, 0);
        jobs->failed = pg_int(jobs->count, 0, 1);
    }
    jobs->count = NULL;
    op_free(op);
}

static void count(struct jobs *jobs)
{
    int64_t now = loop_now_ms();
    char bot[24];
    struct slice param = pg_int_param(bot, jobs->options.bot_id);

    if (jobs->count || (jobs->counted_ms && now - jobs->counted_ms < COUNT_MS))
        return;
    jobs->counted_ms = now;
    jobs->count = pg_query(jobs->pg, &jobs_count_statement, &param, 1);
    jobs->count->op.done = on_counted;
    jobs->count->op.arg = jobs;
}

/* --- taking ---------------------------------------------------------------------------- */

void jobs_add_member(struct buf *out, const char *text)
{
    buf_adds(out, out->len ? ",\"" : "{\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_addc(out, '"');
}

static void end_array(struct buf *out)
{
    buf_adds(out, out->len ? "}" : "{}");
}

/* It is due and nobody here can run it: said once for each name. */
static void tell_unknown(struct jobs *jobs, struct slice name)
{
    if (!name.p || (jobs->unknown && slice_eq(name, jobs->unknown)))
        return;
    free(jobs->unknown);
    jobs->unknown = slice_dup(name);
    log_warn(
        "job",
        "a job \"%s\" is due, and there is no bot.job(\"%s\", …): it waits "
        "for one",
        jobs->unknown, jobs->unknown);
}

/* The last row of moonpost_jobs_take(): when to look again. */
static void read_last(struct jobs *jobs, const struct pg_op *op, int row)
{
    bool others = slice_eq(pg_value(op, row, 13), "t");
    int64_t now = loop_now_ms(), wait = pg_int(op, row, 12);

    tell_unknown(jobs,
                 pg_is_null(op, row, 14) ? SLICE_NONE : pg_value(op, row, 14));
    jobs->starved = !pg_is_null(op, row, 12) && wait <= 0 &&
                    jobs->active >= jobs->options.running_max;
    if (wait <= 0 && row == 0)
        wait = LOCKED_MS;
    if (!pg_is_null(op, row, 12) && !jobs->starved &&
        now + wait < jobs->wanted_at)
        jobs->wanted_at = now + wait;
    arm(jobs);
    arm_again(jobs, others ? OTHERS_MS : JOBS_LOOK_MS);
}

static void release_new(struct jobs *jobs)
{
    struct job_run *run;

    TAILQ_FOREACH (run, &jobs->runs, link)
        if (run->state == RUN_ACTIVE && run->in && !run->in->started)
            job_run_release(run);
}

static void on_taken(struct op *op)
{
    struct jobs *jobs = op->arg;
    struct pg_op *query = jobs->look;
    int rows = op->err.kind ? 0 : pg_rows(query);

    jobs->look = NULL;
    if (rows == 0) {
        if (!jobs->told_trouble && pg_is_up(jobs->pg))
            log_warn("job", "%s; trying again", op->err.text);
        jobs->told_trouble = true;
        arm_again(jobs, RETRY_MS);
    }
    for (int row = 0; row < rows - 1; row++)
        job_run_take(jobs, query, row);
    if (rows) {
        jobs->told_trouble = false;
        read_last(jobs, query, rows - 1);
    }
    op_free(op);
    if (jobs->stopped) /* meanwhile */
        release_new(jobs);
    jobs_settle(jobs);
}

static void declare(struct jobs *jobs);

static void send_take(struct jobs *jobs, int most)
{
    char bot[24], me[24], ttl[24], ahead[24], many[24];
    struct buf names = BUF_INIT, have = BUF_INIT;
    const struct job_def *def;
    const struct job_run *run;

    for (def = jobs->gen->jobs.by_name; def; def = def->hh.next)
        jobs_add_member(&names, def->name);
    TAILQ_FOREACH (run, &jobs->runs, link) {
        buf_addc(&have, have.len ? ',' : '{');
        buf_add_int(&have, run->start.id);
    }
    end_array(&names);
    end_array(&have);
    jobs->look =
        pg_query(jobs->pg, &jobs_take_statement,
                 (struct slice[]){ pg_int_param(bot, jobs->options.bot_id),
                                   pg_int_param(me, jobs->options.instance),
                                   pg_int_param(ttl, INSTANCE_TTL_MS),
                                   pg_int_param(ahead, clock_ahead_ms()),
                                   buf_slice(&names), buf_slice(&have),
                                   pg_int_param(many, most) },
                 7);
    jobs->look->op.done = on_taken;
    jobs->look->op.arg = jobs;
    buf_release(&names);
    buf_release(&have);
}

void jobs_look(struct jobs *jobs)
{
    int most = jobs->options.running_max - jobs->active;

    if (!may_look(jobs) || !jobs->gen)
        return;
    stop_timers(jobs);
    if (!jobs->declared) {
        declare(jobs); /* its end looks */
        return;
    }
    jobs->wanted_at = INT64_MAX; /* all that is known by now, this look sees */
    send_take(jobs, most > 0 ? most : 0);
    count(jobs);
}

bool jobs_are_idle(const struct jobs *jobs)
{
    const struct job_run *run;

    TAILQ_FOREACH (run, &jobs->runs, link)
        if (run->state != RUN_WRITTEN)
            return false;
    return !jobs->look;
}

void jobs_settle(struct jobs *jobs)
{
    if (jobs->starved && jobs->active < jobs->options.running_max) {
        jobs->starved = false;
        jobs_due_in(jobs, 0);
    }
    if (jobs->stopped && jobs_are_idle(jobs) && jobs->options.idle)
        jobs->options.idle(jobs->options.arg);
}

/* --- what is declared --------------------------------------------------------------------- */

static void on_declared(struct op *op)
{
    struct jobs *jobs = op->arg;
    struct pg_op *query = jobs->declare;
    int rows = op->err.kind ? 0 : pg_rows(query);

    jobs->declare = NULL;
    if (op->err.kind && pg_is_up(jobs->pg) && !jobs->told_trouble) {
        jobs->told_trouble = true;
        log_warn("job", "%s; trying again", op->err.text);
    }
    if (!op->err.kind)
        jobs->declared = true;
    for (int row = 0; row < rows; row++)
        job_run_reckon(jobs, query, row);
    op_free(op);
    if (jobs->declared)
        jobs_look(jobs);
    else
        arm_again(jobs, RETRY_MS);
}

static void declare(struct jobs *jobs)
{
    char bot[24], ahead[24], days[24];
    struct buf names = BUF_INIT, schedules = BUF_INIT, zones = BUF_INIT;
    const struct job_def *def;

    if (!jobs->started || jobs->stopped || !jobs->gen || jobs->declare)
        return;
    jobs->declared = false;
    for (def = jobs->gen->jobs.by_name; def; def = def->hh.next) {
        if (!def->every)
            continue;
        jobs_add_member(&names, def->name);
        jobs_add_member(&schedules, def->schedule);
        if (def->zone)
            jobs_add_member(&zones, def->zone);
        else
            buf_adds(&zones, zones.len ? ",NULL" : "{NULL");
    }
    end_array(&names);
    end_array(&schedules);
    end_array(&zones);
    jobs->declare =
        pg_query(jobs->pg, &jobs_declare_statement,
                 (struct slice[]){
                     pg_int_param(bot, jobs->options.bot_id),
                     pg_int_param(ahead, clock_ahead_ms()), buf_slice(&names),
                     buf_slice(&schedules), buf_slice(&zones),
                     pg_int_param(days, jobs->options.keep_days) },
                 6);
    jobs->declare->op.done = on_declared;
    jobs->declare->op.arg = jobs;
    buf_release(&names);
    buf_release(&schedules);
    buf_release(&zones);
}

void jobs_use(struct jobs *jobs, struct generation *gen)
{
    generation_ref(gen);
    generation_unref(jobs->gen);
    jobs->gen = gen;
    free(jobs->unknown);
    jobs->unknown = NULL;
    if (jobs->declare) { /* its answer would be of what was declared before */
        op_free(&jobs->declare->op);
        jobs->declare = NULL;
    }
    declare(jobs);
}

/* --- life ------------------------------------------------------------------------------------ */

struct jobs *jobs_new(struct loop *loop, struct pg *pg,
                      const struct jobs_options *options)
{
    struct jobs *jobs = xalloc(sizeof(*jobs));

    jobs->loop = loop;
    jobs->pg = pg;
    jobs->options = *options;
    jobs->wanted_at = INT64_MAX;
    TAILQ_INIT(&jobs->runs);
    jobs->hook = loop_at_end_of_turn(loop, job_runs_write, jobs);
    metric_read_from(metric_plain(&waiting_jobs), read_waiting, jobs);
    metric_read_from(metric_plain(&failed_jobs), read_failed, jobs);
    metric_read_from(metric_plain(&running_jobs), read_running, jobs);
    return jobs;
}

void jobs_start(struct jobs *jobs)
{
    if (jobs->started || jobs->stopped)
        return;
    jobs->started = true;
    declare(jobs);
}

void jobs_pause(struct jobs *jobs)
{
    jobs->started = false;
    stop_timers(jobs);
}

void jobs_stop(struct jobs *jobs)
{
    jobs->stopped = true;
    stop_timers(jobs);
    release_new(jobs);
}

static void free_op(struct pg_op *op)
{
    if (op)
        op_free(&op->op);
}

void jobs_free(struct jobs *jobs)
{
    struct job_run *run;

    if (!jobs)
        return;
    metric_forget_reads(jobs);
    while ((run = TAILQ_FIRST(&jobs->runs))) {
        if (run->in) { /* its lane drops it later */
            run->in->origin_arg = NULL;
            run->in->origin = NULL;
        }
        job_run_free(run);
    }
    free_op(jobs->look);
    free_op(jobs->declare);
    free_op(jobs->count);
    free_op(jobs->over);
    free_op(jobs->release);
    stop_timers(jobs);
    op_free(jobs->pause);
    loop_end_of_turn_cancel(jobs->hook);
    generation_unref(jobs->gen);
    free(jobs->unknown);
    free(jobs);
}
