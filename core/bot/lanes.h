/*
 * lanes.h - updates of one chat one after another, chats side by side.
 *
 * A lane is the queue of one chat. It runs one task at a time, in the order in
 * which the updates came; it exists while it has any.
 */
#ifndef BOT_LANES_H
#define BOT_LANES_H

#include "script/task.h"

struct lanes;

/* How an update came out. in is still valid; freed after the call. */
typedef void (*lanes_done_fn)(struct incoming *in, enum task_result result,
                              void *arg);

struct lanes *lanes_new(struct loop *loop, struct vm *vm, lanes_done_fn done,
                        void *arg);
void lanes_free(struct lanes *lanes); /* drops what waits, kills nothing */

/* New tasks run on this generation (referenced). */
void lanes_set_generation(struct lanes *lanes, struct generation *gen);

/* Queue an update (taken). Its task starts at the end of this turn or later. */
void lanes_push(struct lanes *lanes, struct incoming *in);
/* Start nothing more: what waits stays where it is. */
void lanes_stop(struct lanes *lanes);
int lanes_running(const struct lanes *lanes);

#endif
