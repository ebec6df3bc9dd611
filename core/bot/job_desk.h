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
