/*
 * dead.h - updates that could not be handled, set aside in the table dead_updates,
 * where `moonpost inbox` shows them and can give them back.
 *
 * dead_add() notes; what is noted is written in batches, one statement on its way
 * at a time. While PostgreSQL is away it waits here, within bounds; what there is
 * no room for is dropped, with a line in the log. Nothing waits for it: an update
 * that is noted counts as done.
 *
 * The table keeps options.max of a bot. Beyond that, of the errors that come most
 * often (the same reason, handler and first line) the oldest go first, so that a
 * flood of one error does not push out the others. And no more than max are
 * written a minute: they would only push out each other.
 */
#ifndef BOT_DEAD_H
#define BOT_DEAD_H

#include "io/pg.h"
#include "script/task.h"

enum dead_reason {
    DEAD_ERROR,      /* its handler raised */
    DEAD_DEADLINE,   /* its handler overran */
    DEAD_CRASH,      /* the program ended while it ran, too often */
    DEAD_UNREADABLE, /* it is no update that this program can read */
    DEAD_REASONS,
};

struct dead_update {
    int64_t id, chat_id; /* chat_id 0: the update says */
    enum dead_reason reason;
    struct slice error;  /* with the traceback; need not be UTF-8 */
    const char *handler; /* or NULL */
    struct slice text;   /* the update, as it came; need not be UTF-8 */
    int tries;           /* how often it has run */
    int64_t age_ms;      /* since it came */
};

struct dead;

/* max: of settings.h, dead_updates_max. */
struct dead *dead_new(struct loop *loop, struct pg *pg, int max);
void dead_free(struct dead *dead); /* before pg; what waits is dropped */

/* Whose updates they are: nothing is written before. The tables must be there. */
void dead_use(struct dead *dead, int64_t bot_id);

void dead_add(struct dead *dead, const struct dead_update *u);
/* The same for a task's end; nothing if its result is no reason. */
void dead_add_ended(struct dead *dead, const struct incoming *in,
                    enum task_result result);

/* Is all written (or dropped)? fn is called each time that becomes so. */
bool dead_is_idle(const struct dead *dead);
void dead_on_idle(struct dead *dead, void (*fn)(void *arg), void *arg);

#endif
