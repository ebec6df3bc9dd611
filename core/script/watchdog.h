/*
 * watchdog.h - ends a task that computes without end.
 *
 * A count hook all the time would cost every script 1.75×. Instead a timer of
 * the process's CPU time ticks; when one task has been running over several
 * ticks for longer than limits.cpu_ms, a hook is set, and the hook ends the
 * task by yielding out of it: an error could be caught by the script, a yield
 * can't. Inside a C function (a hostile pattern) and where yielding is not
 * possible (a metamethod called from C) the hook raises instead.
 */
#ifndef SCRIPT_WATCHDOG_H
#define SCRIPT_WATCHDOG_H

struct vm;
struct task;

void watchdog_start(struct vm *vm);
void watchdog_stop(struct vm *vm);

/* Around each lua_resume(). */
void watchdog_enter(struct task *t);
void watchdog_leave(struct task *t);

#endif
