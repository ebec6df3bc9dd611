/*
 * watchdog.h - ends what computes without end: a task, a loading, an upgrade.
 *
 * A count hook all the time would cost every script 1.75×. Instead a timer of
 * the process's CPU time ticks; when one task has been running over several
 * ticks for longer than limits.cpu_ms, a hook is set, and the hook ends the
 * task by yielding out of it: an error could be caught by the script, a yield
 * can't. Where yielding is not possible (loading, an upgrade, a metamethod
 * called from C) the hook raises, at every instruction from then on, so that
 * a loop around pcall() ends too. A C function that does not return is not
 * ended: hooks don't run in it.
 */
#ifndef SCRIPT_WATCHDOG_H
#define SCRIPT_WATCHDOG_H

#include <lua.h>
#include <stdbool.h>

struct vm;

void watchdog_start(struct vm *vm);
void watchdog_stop(struct vm *vm);

/* How many times limits.cpu_ms it may take. */
enum watchdog_share { WATCHDOG_TASK = 1, WATCHDOG_LOAD = 8 };

/* Around each lua_resume(), and each call of scripts on the main thread. *overran
 * (false before) becomes true when it was ended. Not nested. */
void watchdog_enter(lua_State *L, enum watchdog_share share, bool *overran);
void watchdog_leave(void);

#endif
