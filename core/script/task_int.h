/*
 * task_int.h - what ends a task when one of its coroutines has run: fiber.c calls,
 * task.c does.
 */
#ifndef SCRIPT_TASK_INT_H
#define SCRIPT_TASK_INT_H

#include "script/task.h"

/* It is over a limit (watch.end), found in f. The task is freed. */
void task_overran(struct fiber *f);
/* The task's own coroutine has run to its end; status: lua_resume's. It is freed. */
void task_ran(struct task *t, int status);

#endif
