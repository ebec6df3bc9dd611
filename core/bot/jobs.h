/*
 * jobs.h - runs what is due: bot.every, and what bot.after and bot.at have made.
 *
 * All of it is rows of the table jobs (schema/0007_jobs.sql). A process that leads
 * takes what is due: the row is its own (owner) as long as it lives, by the sign
 * of life of instance.h, so nothing has to be extended. What belonged to a dead
 * process is run again, JOBS_CRASHES_MAX times in all; so a job runs at least once,
 * and more than once only after a crash or by its tries.
 *
 *     waiting ─ take ─► lane ─► task ─► over: deleted, or its next time (bot.every)
 *        ▲                        ├─ failed, tries left ─► waiting, later
 *        └── released (the end) ◄─┴─ failed, no more ─► set aside: state failed
 *
 * It sleeps until the next one that it knows of is due; JOBS_LOOK_MS at most, for
 * what others have made. Until its end is written, a run counts as being in hand.
 */
#ifndef BOT_JOBS_H
#define BOT_JOBS_H

#include "bot/lanes.h"
#include "config/store.h"
#include "io/pg.h"

#define JOBS_LOOK_MS 10000
#define JOBS_CRASHES_MAX 3  /* a process died of it so often: set aside */
#define JOBS_GRACE_MS 30000 /* later than this was missed (missed = "skip") */

struct jobs;

struct jobs_options {
    int64_t bot_id, instance;
    int running_max; /* taken at once */
    int keep_days;   /* those that are set aside */
    struct lanes *lanes;
    struct config_store *store; /* which chats have moved */
    /* After jobs_stop(): nothing is in hand any more. */
    void (*idle)(void *arg);
    void *arg;
};

struct jobs *jobs_new(struct loop *loop, struct pg *pg,
                      const struct jobs_options *options);
void jobs_free(struct jobs *jobs); /* before the lanes; NULL is allowed */

/* What the scripts declare now (referenced). */
void jobs_use(struct jobs *jobs, struct generation *gen);
void jobs_start(
    struct jobs *jobs); /* this process leads; the tables are there */
void jobs_pause(struct jobs *jobs); /* not any more */
/* Take no more, for good; what has not begun is released. After lanes_stop(). */
void jobs_stop(struct jobs *jobs);
bool jobs_are_idle(const struct jobs *jobs); /* nothing in hand */

/* One was made, or changed, that is due in so many ms. */
void jobs_due_in(struct jobs *jobs, int64_t ms);

#endif
