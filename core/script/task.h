/*
 * task.h - one run of the handlers for one update: a coroutine that may wait.
 *
 *     RUNNING ⇄ WAITING → ended
 *
 * A C function that scripts call waits by `return task_wait(L, op, k)`: the
 * coroutine is suspended, and when the op is done it is resumed in k, where
 * task_finished() is the op. The task owns the op it waits on and frees it
 * after k, or at its end. A task is resumed only from the loop, on an empty C
 * stack, and killed only while it waits.
 */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include <lua.h>

#include "io/op.h"
#include "script/generation.h"
#include "script/vm.h"
#include "telegram/update.h"

enum task_state { TASK_RUNNING, TASK_WAITING };

enum task_result {
    TASK_OK,
    TASK_FAILED,      /* a handler raised and no bot.catch took it */
    TASK_NO_DATABASE, /* the same, because the config could not be read or saved */
    TASK_OVERRAN,     /* over its time or its CPU budget */
    TASK_KILLED,      /* the program is ending */
};

struct incoming;
struct task;

/*
 * What is run for another cause than an update: a job, a replay … Its update is
 * zeroed but for what is known (chat_id, user_id); its lane is incoming.lane.
 */
struct origin {
    const char *name; /* for messages: "bot.every" */
    /* Push the function that is to run, then its arguments; the ctx is at 1. It
     * may raise. Returns how many arguments. NULL: the handlers, as for an update
     * that came.                                                   [-0, +n, v] */
    int (*push)(lua_State *L, struct task *t);
    /* Called once, as lanes_done_fn is. */
    void (*done)(struct incoming *in, enum task_result result);
    void (*free)(void *arg); /* of incoming.origin_arg, with it; or NULL */
};

/* An update and the memory that its slices point into. Zeroed before it is filled. */
struct incoming {
    struct buf text;
    struct update u;
    /* valid when its task has failed or overran: */
    char *error;         /* what was said about it, with the traceback */
    const char *handler; /* which one it was, or NULL; while its end is told */
    int64_t pushed_ms;   /* into its lane, by loop_now_ms() */
    TAILQ_ENTRY(incoming) link; /* its owner's */
    int64_t lane;
    int tries;                   /* so often may a process have died of it */
    bool started;                /* its task has begun */
    const struct origin *origin; /* NULL: it is an update */
    void *origin_arg;
};
void incoming_free(struct incoming *in); /* NULL is allowed */

/* Called when the task has ended; it is freed after that. */
typedef void (*task_end_fn)(struct task *t, enum task_result result, void *arg);

struct task {
    struct vm *vm;
    lua_State *co;
    int ref; /* of co in the registry */
    enum task_state state;
    struct op *op;       /* waits on */
    struct op *finished; /* what it waited on; during the resume */
    struct generation *gen;
    struct incoming *in; /* owned */
    struct ctx *ctx;     /* its userdata, while the coroutine lives */
    struct view *views;  /* of chats' configs; views_end() ends them */
    const char *handler; /* what runs, for messages; borrowed from gen */
    struct metric_series *seconds; /* of what runs, or NULL */
    int64_t started_us;            /* of metric_clock_us() */
    int64_t started_ms;
    int64_t stopped_ms; /* its clock stands since then; 0: it runs */
    int64_t free_ms;    /* how long it stood before */
    bool overran, failed;
    bool no_database;
    bool answer_kept; /* see call_answer.h */
    struct buf trace; /* of an error that bot.catch gets */
    task_end_fn on_end;
    void (*on_leave)(struct task *t); /* see task_leave_lane(); once, or NULL */
    void *arg;
    TAILQ_ENTRY(task) link;
};

/*
 * Start the handlers for an update (taken) on the next resume: never ends
 * here. Holds a reference of gen while it lives.
 */
struct task *task_new(struct vm *vm, struct generation *gen,
                      struct incoming *in, task_end_fn on_end, void *arg);
/* Run it till it first waits or ends; once, from the loop. */
void task_run(struct task *t);
void tasks_kill_all(struct vm *vm);

/* The task goes on, and what is behind it need not wait for its end any more. */
void task_leave_lane(struct task *t);

/* The wait that comes next is not counted as time of the task: a file on its way
 * has limits of its own. */
void task_stop_clock(struct task *t);

/* --- for the modules ------------------------------------------------------------ */

/* The task that runs; raises outside of handlers (while scripts are loaded). */
struct task *task_current(lua_State *L);
/* The same, NULL instead of raising. */
struct task *task_find(lua_State *L);

/* Only as: return task_wait(L, op, k). Raises (op is freed) where a script can't wait:
 * inside table.sort's comparator, string.gsub's function, while loading. */
int task_wait(lua_State *L, struct op *op, lua_KFunction k);
int task_wait_ctx(lua_State *L, struct op *op, lua_KContext ctx,
                  lua_KFunction k);
struct op *task_finished(lua_State *L);

/* Commit what the task changed in configs, if anything, then go on in k. A commit's
 * failure raises; other chats' commits stand. Only as: return task_commit(L, k). In
 * view_commit.c. */
int task_commit(lua_State *L, lua_KFunction k);

#endif
