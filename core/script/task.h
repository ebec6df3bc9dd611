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
 *
 * A task may have several coroutines (fibers): its own, and those of parallel().
 * They share all but what they wait for, and one runs at a time. One that
 * computes for long gives way (watchdog.h): it goes on in a later turn.
 */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include <lua.h>

#include "io/op.h"
#include "script/generation.h"
#include "script/vm.h"
#include "script/watchdog.h"
#include "telegram/update.h"

/* Answers whose ctx can still be used: the last ones of a conversation. */
#define TASK_ANSWERS_MAX 32

enum task_state { TASK_RUNNING, TASK_WAITING };

enum task_result {
    TASK_OK,
    TASK_FAILED,      /* a handler raised and no bot.catch took it */
    TASK_NO_DATABASE, /* the same, because the config could not be read or saved */
    TASK_OVERRAN,     /* over its time, its CPU budget or the memory */
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

struct ask;
struct ctx;

/* An update and the memory that its slices point into. Zeroed before it is filled. */
struct incoming {
    struct buf text;
    struct update u;
    /* valid when its task has failed or overran: */
    char *error;         /* what was said about it, with the traceback */
    const char *handler; /* which one it was, or NULL; while its end is told */
    int64_t pushed_ms;   /* into its lane, by loop_now_ms() */
    TAILQ_ENTRY(incoming) link; /* its owner's */
    struct ctx *ctx;            /* of the task that has it; or NULL */
    int64_t lane;
    int tries;                   /* so often may a process have died of it */
    bool started;                /* its task has begun */
    bool unwanted;               /* by handlers, when it came into its lane */
    const struct origin *origin; /* NULL: it is an update */
    void *origin_arg;
};
void incoming_free(struct incoming *in); /* NULL is allowed */

/* Called when the task has ended; it is freed after that. */
typedef void (*task_end_fn)(struct task *t, enum task_result result, void *arg);

struct gate;
struct join;

/* One coroutine of a task. */
struct fiber {
    struct task *task;
    lua_State *co;
    struct op *op;        /* waits on */
    struct op *finished;  /* what it waited on; during the resume */
    struct fiber *parent; /* NULL: the task's own */
    struct join *join;    /* of its children, while it waits for them */
    int number;           /* among its parent's children, from 1 */
    bool has_turn_coming; /* it gave way, and is in vm->turns */
    bool doomed;          /* it is to be closed as soon as it has committed */
    bool again;           /* it yielded to be resumed at once: concat.h */
    TAILQ_ENTRY(fiber) link; /* the join's */
    TAILQ_ENTRY(fiber) turn_link;
};

struct task {
    struct vm *vm;
    struct fiber fiber; /* its own */
    int ref;            /* of its coroutine in the registry */
    enum task_state state;
    int nfibers;              /* of parallel(), alive */
    struct fiber *commits;    /* the one that does: others wait at gates */
    TAILQ_HEAD(, gate) gates; /* view_commit.c */
    struct watch watch;
    struct generation *gen;
    /* What it began with comes first, then what answered its questions (ask.h);
     * owned. */
    TAILQ_HEAD(, incoming) updates;
    struct incoming *in;      /* of these: the one whose ctx was used last */
    struct incoming *current; /* the one that is not done; NULL: it waits to be
                               * answered, or was woken by no update */
    struct ask *ask;          /* open, and not waited for yet; or NULL */
    bool asking;              /* it waits to be answered */
    int nanswers;             /* of updates */
    void (*on_ask)(struct task *t); /* then: current is done; or NULL */
    struct ctx *ctx;     /* its first userdata, while the coroutine lives */
    struct view *views;  /* of chats' configs; views_end() ends them */
    const char *handler; /* what runs, for messages; borrowed from gen */
    int handler_number;  /* and its place, from 1; 0: none */
    int suspects[4];     /* that ran, and have failed before: breaker.c */
    int nsuspects;
    struct metric_series *seconds; /* of what runs, or NULL */
    int64_t started_us;            /* of metric_clock_us() */
    int64_t started_ms;
    int64_t stopped_ms; /* its clock stands since then; 0: it runs */
    int64_t free_ms;    /* how long it stood before */
    bool failed;
    bool handler_failed; /* also when bot.catch took it */
    bool no_database;
    bool answer_kept;       /* see call_answer.h */
    struct buf trace;       /* of an error that bot.catch gets */
    struct buf child_trace; /* of an error in parallel(), before that */
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

/* The memory is used up: is that the work of a task that waits? Then it is ended in
 * the next turn, and the one that runs goes on. */
bool tasks_find_hog(struct vm *vm);

/* The task goes on, and what is behind it need not wait for its end any more. */
void task_leave_lane(struct task *t);

/* The wait that comes next is not counted as time of the task: a file on its way
 * has limits of its own. */
void task_stop_clock(struct task *t);

/* It waits to be answered from now on, for as long as that takes: current is done,
 * its lane goes on, its clock stands. */
void task_ask(struct task *t);
/* It was answered by an update (taken), or NULL: it is woken for another reason.
 * Its clock begins anew. The op that it waits on is to be completed then. */
void task_answer(struct task *t, struct incoming *in);

/* --- for the modules: in fiber.c -------------------------------------------------- */

/* The task that runs; raises outside of handlers (while scripts are loaded). */
struct task *task_current(lua_State *L);
/* The same, NULL instead of raising. */
struct task *task_find(lua_State *L);

/* Only as: return task_wait(L, op, k). Raises (op is freed) where a script can't wait:
 * inside __tostring, xpcall's message handler, what cjson calls, while loading. */
int task_wait(lua_State *L, struct op *op, lua_KFunction k);
int task_wait_ctx(lua_State *L, struct op *op, lua_KContext ctx,
                  lua_KFunction k);
struct op *task_finished(lua_State *L);
/* The running coroutine owns the op (it is freed when the coroutine ends, or waits
 * for another one): for what may still raise before task_wait(). */
void task_keep(lua_State *L, struct op *op);
/* The coroutine of the task that runs; there must be one. */
struct fiber *task_fiber(lua_State *L);

/* --- for parallel.c: in fiber.c ---------------------------------------------------- */

/* Push a new coroutine that belongs to the task of parent.         [-0, +1, m] */
void fiber_push(lua_State *L, struct fiber *f, struct fiber *parent);
/* Run it till it first waits or ends; from the loop. The task may be gone then. */
void fiber_resume(struct fiber *f, int nargs);
/* Let go of what it waits for, and close it. */
void fiber_close(struct fiber *f);
/* The fiber no longer commits: those that wait for that go on. In view_commit.c. */
void task_commit_over(struct task *t);

/* Commit what the task changed in configs, if anything, then go on in k. A commit's
 * failure raises; other chats' commits stand. Only as: return task_commit(L, k). In
 * view_commit.c. */
int task_commit(lua_State *L, lua_KFunction k);

#endif
