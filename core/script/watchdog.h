/*
 * watchdog.h - ends what computes without end, or wants all the memory: a task,
 * a loading, an upgrade; and lets others in where a task computes for long.
 *
 * A count hook all the time would cost every script 1.75×. Instead a timer
 * ticks while scripts run, and each tick counts the CPU time since the one
 * before for whom it meets: a sample, fair over many short runs. (A timer of CPU
 * time would be as coarse as the system's tick, and make 5 ms 12.) When a task has
 * had its slice, a hook is set that yields: the task goes on in a later turn.
 * When it is over its budget, or was refused memory, the hook ends the task by
 * yielding out of it: an error could be caught by the script, a yield can't.
 *
 * Where yielding is not possible (loading, an upgrade, a metamethod called from
 * C) the hook raises at the end of the budget, at every instruction from then on,
 * so that a loop around pcall() ends too. A task keeps all others waiting there,
 * so it has a smaller budget, limits.block_ms after its slice. No hook runs in C
 * functions: those of the string and table libraries and of cjson that may run for
 * long give way by themselves (watchdog_wants_way()) or are bounded (safe_*.c), and
 * what is left is hang.h's.
 *
 * A count hook may yield wherever lua_isyieldable(), also inside metamethods, a pcall
 * and a __close: Lua 5.4.4 finishes the instruction that was interrupted when the
 * coroutine is resumed (tests/unit/test_yields.c). A hook that raises leaves the
 * coroutine without hooks until a protected call has caught it: so whatever a
 * coroutine runs, it runs in one.
 */
#ifndef SCRIPT_WATCHDOG_H
#define SCRIPT_WATCHDOG_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct vm;

enum watchdog_end {
    WATCHDOG_NONE,
    WATCHDOG_CPU,       /* over limits.cpu_ms since it last waited */
    WATCHDOG_CPU_TOTAL, /* over limits.cpu_total_ms */
    WATCHDOG_MEMORY,    /* it was refused memory */
    WATCHDOG_BLOCK, /* over limits.block_ms where it can't give way; the calls
                     * that led there are in vm->ended_at */
};

/* What a task has used. All zero at first. */
struct watch {
    int64_t cpu_us;   /* since it last waited; giving way is no waiting */
    int64_t total_us; /* before that */
    int64_t memory;   /* by how much its runs made the state grow, in bytes */
    enum watchdog_end end;
    /* of the last run: */
    bool gave_way; /* its slice was over: it is to be resumed */
    bool refused;  /* memory, and nothing of Lua ran after that */
};

void watchdog_start(struct vm *vm);
void watchdog_stop(struct vm *vm);

/* How long it may take. */
enum watchdog_share {
    WATCHDOG_TASK,  /* limits.cpu_ms */
    WATCHDOG_LOAD,  /* 8 times that */
    WATCHDOG_CLOSE, /* limits.block_ms, or cpu_ms if that is less: what is called
                     * when a task is over */
};

/* Around each call of scripts on the main thread. *overran (false before) becomes
 * true when it was ended. Not nested. */
void watchdog_enter(lua_State *L, enum watchdog_share share, bool *overran);
void watchdog_leave(void);

/* The same around each lua_resume() of a task's coroutine; t->watch tells. */
void watchdog_enter_task(lua_State *L, struct task *t);
void watchdog_leave_task(void);

/* For the allocator: the running task was refused a block (again: after garbage had
 * been collected for it); it got it after all, from what was collected. */
void watchdog_refuse(bool again);
bool watchdog_was_refused(void); /* before, and has not got it */
void watchdog_grant(void);
/* By how many bytes the task that runs has made the state grow; -1: none runs, but a
 * loading, an upgrade, or the closing of what a task left. */
int64_t watchdog_grown(void);

/* Is what runs over its budget? For C functions that loop for long and can't give way:
 * they raise, and it is ended. */
bool watchdog_is_over(lua_State *L);
/* For C functions of scripts that loop for long, now and then: has the task had its
 * slice, or its budget, and can it yield? Then: return watchdog_give_way(L, ctx, k).
 * Where it can't yield this raises at the end of the budget.        [-0, +0, v] */
bool watchdog_wants_way(lua_State *L);
/* It goes on in k in a later turn, or is ended. Values on the stack stay. */
int watchdog_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* Has it raised already, and does so at each instruction? */
bool watchdog_is_ending(void);

/* Whose scripts run now, or NULL: then the host's reserve of memory is open. */
lua_State *watchdog_running(void);

/* For a signal handler: changes with each enter. *t: whose; may be NULL. 0:
 * nothing runs. */
unsigned watchdog_run(const struct task **t);

#endif
