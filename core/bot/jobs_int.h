/* jobs_int.h - the inside of jobs.h: jobs.c takes what is due, job_run.c runs
 * it, job_write.c writes what became of it. */
#ifndef BOT_JOBS_INT_H
#define BOT_JOBS_INT_H

#include <sys/queue.h>

#include "bot/jobs.h"
#include "script/generation.h"
#include "script/mod_bot_jobs.h"

enum run_state {
    RUN_ACTIVE,  /* in its lane, or its task runs */
    RUN_ENDED,   /* to be written */
    RUN_WRITING, /* on its way */
    RUN_WRITTEN, /* only its update is left, in a lane that has stopped */
};

enum run_outcome {
    RUN_OVER,
    RUN_NEXT,    /* of bot.every */
    RUN_RETRY,   /* its tries are not used up */
    RUN_ASIDE,   /* they are */
    RUN_RELEASE, /* it did not run */
};

/* A job that this process has taken; or (fresh) the first time of one of bot.every. */
struct job_run {
    struct jobs *jobs;
    struct job_start start;
    char *name;
    enum run_state state;
    enum run_outcome outcome;
    bool every, fresh;
    char *again;  /* of bot.schedule: its schedule; else NULL */
    bool in_lane; /* its update exists */
    /* as it was declared */
    char *what;
    struct cron cron;
    int64_t interval_ms, jitter_ms, backoff_ms;
    enum job_missed missed;
    int tries;
    /* as it was taken */
    int64_t chat_id, now_ms, late_ms, due_minute, now_minute;
    int failed, died;
    char *error;      /* NULL: none */
    int64_t retry_ms; /* RUN_RETRY */
    bool counts;      /* the same: it was a try */
    struct incoming *in;
    struct pg_op *op;
    TAILQ_ENTRY(job_run) link;
};

struct jobs {
    struct loop *loop;
    struct pg *pg;
    struct jobs_options options;
    struct generation *gen;
    TAILQ_HEAD(, job_run) runs;
    int active; /* of these */
    struct pg_op *look, *declare, *count;
    struct pg_op *over, *release; /* of many at once */
    struct op *timer;             /* till the next one is due */
    struct op *again; /* till the next look for what others have made */
    struct op *pause;
    int64_t wanted_at; /* when the next one is due, by loop_now_ms() */
    int64_t counted_ms;
    int64_t waiting, failed;
    bool started, stopped, declared, starved;
    bool told_trouble;
    char *unknown; /* the name that was told last */
    struct loop_turn_hook *hook;
};

/* jobs.c */
void jobs_look(struct jobs *jobs);   /* now */
void jobs_settle(struct jobs *jobs); /* a run is gone */

/* job_run.c */
/* One that was taken, of the row of jobs_take_statement: it runs, or is over. */
void job_run_take(struct jobs *jobs, const struct pg_op *op, int row);
/* One that has no time yet: of jobs_declare_statement. */
void job_run_reckon(struct jobs *jobs, const struct pg_op *op, int row);
void job_run_release(struct job_run *run); /* it has not begun, and will not */
void job_run_free(struct job_run *run);

/* job_write.c: write what has ended. A loop_turn_fn. */
void job_runs_write(void *arg);

/* Append a text as a member of an array of PostgreSQL's. */
void jobs_add_member(struct buf *out, const char *text);

#endif
