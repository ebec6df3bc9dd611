/*
 * job_desk.h - making jobs, listing and cancelling them: for scripts through the
 * host. Running them is jobs.h.
 */
#ifndef BOT_JOB_DESK_H
#define BOT_JOB_DESK_H

#include "io/loop.h"
#include "io/pg.h"
#include "telegram/job.h"

struct jobs;

/* The next time of one that runs again: moonpost_job_next(). */
struct job_next {
    int64_t id, owner; /* owner 0: it has no time yet */
    const struct cron *cron;
    int64_t interval_ms; /* 0: cron */
    int64_t base_ms;     /* after this time */
    int64_t base_minute; /* the same on the zone's clock, with cron */
    bool skips;          /* those that are over */
    int64_t jitter_ms;
    const char *error; /* or NULL */
};
/* An op of pg.h: in how many ms that is, or no row: it is another's, or gone. */
struct pg_op *job_next_start(struct pg *pg, const struct job_next *next);

/* All give a job_op (telegram/job.h). jobs is told when one is due. */
struct op *job_add_start(struct loop *loop, struct pg *pg, struct jobs *jobs,
                         int64_t bot, const struct job_order *order);
struct op *job_cancel_start(struct loop *loop, struct pg *pg,
                            const struct job_filter *filter);
struct op *job_list_start(struct loop *loop, struct pg *pg,
                          const struct job_filter *filter);
/* An op of pg.h with rows of ids: run now; delete (not those of bot.every). bot 0:
 * any. ids: "{1,2}". */
struct pg_op *job_run_now_start(struct pg *pg, int64_t bot, const char *ids);
struct pg_op *job_drop_start(struct pg *pg, int64_t bot, const char *ids);

#endif
