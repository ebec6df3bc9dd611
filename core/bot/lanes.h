/*
 * lanes.h - updates of one chat one after another, chats side by side.
 *
 * A lane is the queue of one chat, or of one person's queries: update_lane() says
 * which. It runs one task at a time, in the order in which the updates came; it
 * exists while it has any. While its task waits, for Telegram, the database or
 * time, other lanes run. Of the lanes that can start one, those of queries, which
 * expire, come first.
 *
 * A task that enters a function of bot.concurrent() leaves its lane: the lane goes
 * on with its next update, and the task still counts as running until it ends.
 *
 * A task that waits to be answered (ask.h) is in no lane, and its update is done. The
 * update that answers comes to it in its lane's order, and is done when it ends or
 * waits again.
 */
#ifndef BOT_LANES_H
#define BOT_LANES_H

#include "script/task.h"

struct lanes;

/* How an update came out: once for each that was pushed, unless it is dropped by
 * lanes_free(). in is still valid; freed after the call. */
typedef void (*lanes_done_fn)(struct incoming *in, enum task_result result,
                              void *arg);

struct lanes *lanes_new(struct loop *loop, struct vm *vm, lanes_done_fn done,
                        void *arg);
void lanes_free(struct lanes *lanes); /* drops what waits, kills nothing */

/* New tasks run on this generation (referenced). */
void lanes_set_generation(struct lanes *lanes, struct generation *gen);

/* Queue an update (taken). Its task starts at the end of this turn or later. */
void lanes_push(struct lanes *lanes, struct incoming *in);

/*
 * Nothing of this lane starts until it is released as often as it was held. What
 * runs goes on; what is pushed waits, also what no handler wants.
 */
void lanes_hold(struct lanes *lanes, int64_t lane);
void lanes_release(struct lanes *lanes, int64_t lane);

/* Does a task of this lane run? Not one that has left it. */
bool lanes_is_running(const struct lanes *lanes, int64_t lane);

/* Does any task wait to be answered? */
bool lanes_asks(const struct lanes *lanes);

/* Start nothing more: what waits stays where it is. */
void lanes_stop(struct lanes *lanes);
/* Tasks, those that have left their lanes included; not those that wait to be
 * answered. */
int lanes_running(const struct lanes *lanes);

#endif
