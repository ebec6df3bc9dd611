/*
 * parallel.h - several functions of a task at once: require "parallel".
 *
 *     task's fiber ── waits on a join ──► fiber 1 … n, each waits on what it likes
 *
 * A join is an op: it is done when its children are, or, of parallel(), when one
 * of them has failed and the others are closed. Whoever frees it closes them.
 */
#ifndef SCRIPT_PARALLEL_H
#define SCRIPT_PARALLEL_H

#include "script/task.h"

#define PARALLEL_MAX 64 /* children of a task at once */

/* For fiber.c: the fiber waits for its join now, so its children can begin. The task
 * may be gone then. */
void parallel_go(struct fiber *parent);
/* A child has run to its end, was ended in a commit (LUA_YIELD), or failed. The task
 * may be gone then. */
void parallel_ended(struct fiber *child, int status, int nresults);

/* Append where children have failed that it is told of, and forget it. */
void parallel_add_trace(struct task *t, struct buf *out);

#endif
