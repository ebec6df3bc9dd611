/*
 * vm.h - the Lua state: memory cap, what scripts may see, error texts.
 *
 * One state for the whole program. Every generation of scripts gets globals of
 * its own (vm_push_globals()), made of allow-listed functions; io, os.execute,
 * debug, coroutine, dofile, loadfile and native modules are not among them.
 */
#ifndef SCRIPT_VM_H
#define SCRIPT_VM_H

#include <lua.h>
#include <sys/queue.h>

#include "config/store.h"
#include "io/loop.h"
#include "script/data_file.h"
#include "script/pool.h"
#include "telegram/send.h"

struct task;
struct asks;
struct broadcast_desk;
struct call_answering;
struct recording;
struct db_desk;
struct job_desk;
struct counter_desk;
struct store_desk;
struct web;

/* What scripts reach through their modules. All borrowed; outlives the vm. */
struct services {
    struct loop *loop;
    struct tg *tg;              /* NULL in `check`: nothing can be called */
    struct sender *sender;      /* what scripts call goes through it; or NULL */
    struct config_store *store; /* NULL in `check` */
    struct admins *admins;      /* or NULL */
    const struct broadcast_desk *broadcasts; /* NULL in `check` */
    const struct job_desk *jobs;             /* NULL in `check` */
    const struct counter_desk *counters;     /* the same */
    const struct db_desk *db;                /* NULL in `check` */
    const struct store_desk *stores;         /* NULL in `check` */
    const struct call_answering *answering;  /* or NULL: call_answer.h */
    const struct recording *recording;       /* or NULL: recording.h */
    struct asks *asks;                       /* or NULL: nothing can be asked */
    const char *bot_username;                /* "" until getMe has answered */
    struct slice me; /* its User, of getMe; SLICE_NONE until then */
    const char *dir; /* the bot's folder */
    struct file_rules files;
    /* The scripts' variables hold nearly all memory: load them anew; or NULL. */
    void (*renew)(void *arg);
    void *renew_arg;
    const struct web *web; /* what http sends with; NULL in `check` */
};

/* From settings: limits.h. 0 is none, but in the first three. */
struct vm_limits {
    size_t memory_max; /* bytes */
    int cpu_ms;        /* of Lua time a task may use between two waits */
    int64_t task_ms;   /* from a task's start to its end, waiting included */
    int cpu_total_ms;  /* of Lua time a task may use in all */
    int slice_ms;      /* of it at a time, then others have their turn */
    int block_ms; /* after that, where it can't give way; not if slice_ms is 0 */
    int64_t pattern_steps; /* of one string.find(), match(), gsub() … */
    int log_lines_per_s;   /* of one file of scripts */
    int breaker_failures; /* in a row, of a handler in a chat; then it pauses */
    int64_t breaker_pause_ms;
};

/* What is left for the host when scripts have used up memory_max: a part of it. */
#define VM_RESERVE 16
/* And for a generation that is loaded while the old one is there, and for tasks that
 * use little while others, or the scripts' variables, have all of it. */
#define VM_EXTRA 4
/* One string or table has at most this part of it. */
#define VM_BLOCK 4

struct vm {
    lua_State
        *L; /* the main thread: nothing runs on it but in protected calls */
    const struct services *services;
    struct vm_limits limits;
    struct pool pool;                  /* small blocks that are kept */
    size_t memory, memory_peak;        /* bytes in use */
    TAILQ_HEAD(task_list, task) tasks; /* alive, oldest first, but for: */
    struct task_list asking;           /* those that wait to be answered */
    int ntasks;
    struct op *sweep; /* the timer that ends tasks over their time */
    TAILQ_HEAD(fiber_list, fiber) turns; /* those that gave way, in order */
    struct op *turn;                     /* one of them goes on then */
    struct task *hog; /* it waits, and is to be ended for its memory; or NULL */
    struct op *hog_op;
    struct op *trim;          /* then free memory goes back to the system */
    struct op *renewal;       /* then services->renew() is called */
    int64_t renewed_ms;       /* when that was last */
    const void *refused;      /* the block that was to grow, and to what size */
    size_t refused_size;      /* 0: none was refused last */
    struct throttle *reports; /* of errors */
    struct throttle *lines;   /* of print() and log.* */
    struct buf ended_at; /* the calls of scripts that led to a task's end: where
                          * it was refused memory, or can't give way */
};

struct vm *vm_new(const struct services *services,
                  const struct vm_limits *limits);
/* Kills the tasks that are left. */
void vm_free(struct vm *vm);
struct vm *vm_of(lua_State *L);

/* May the script that calls the C function that runs write another line into the log?
 * Else it is counted: SCRIPT_LINES_PER_S. */
bool vm_may_write(lua_State *L);

/* A new table of globals: the allow-listed ones.                  [-0, +1, m] */
void vm_push_globals(lua_State *L);

/* What an error value says, for tables through __tostring; or that it was no
 * text. Never raises but on memory. [-0, +0, m] */
void vm_add_error(lua_State *L, int index, struct buf *out);

/* The calls of scripts on a thread's stack, one line each, from level on. Takes no
 * memory of Lua's, so that it works when that has run out. */
void vm_add_traceback(lua_State *of, int level, struct buf *out);

#endif
