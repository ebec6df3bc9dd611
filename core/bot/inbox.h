/*
 * inbox.h - updates in PostgreSQL: those that a crash must not lose, and that are
 * acknowledged before they are done.
 *
 * A row is there until its update is done. Its owner (instance.h) runs it; what a
 * dead owner leaves, another adopts. Rows of one lane have one living owner, or wait
 * until the others' are gone. The SQL is in schema/0003_inbox.sql.
 *
 * The ops are those of io/pg.h, to be freed by who asked; inbox_done() is
 * gathered, sent once a turn, and repeated until it is carried out.
 */
#ifndef BOT_INBOX_H
#define BOT_INBOX_H

#include "io/loop.h"
#include "io/pg.h"

#define INBOX_TAKE_MAX 100 /* rows in one answer */
/* Runs that a process died in; then the update is set aside. */
#define INBOX_TRIES_MAX 3

struct inbox;

bool inbox_is_up(const struct inbox *inbox); /* may it be asked now? */

struct inbox_update {
    int64_t id, lane;
    struct slice text; /* valid JSON; borrowed for the call */
    bool mine;         /* in memory here; else anybody may take it */
};

struct inbox *inbox_new(struct loop *loop, struct pg *pg, int64_t bot_id,
                        int64_t instance);
void inbox_free(struct inbox *inbox); /* NULL is allowed */

/* Polling: keep these. tries: 1 for what a process may have died of. */
struct pg_op *inbox_save(struct inbox *inbox, const struct inbox_update *list,
                         size_t n, int tries);
/* Webhook, beside other instances: keep these, and see who is to run them. */
struct pg_op *inbox_put(struct inbox *inbox, const struct inbox_update *list,
                        size_t n);
enum inbox_put { INBOX_RUN, INBOX_LEFT, INBOX_KNOWN };
/* Of row i of inbox_put()'s answer. */
enum inbox_put inbox_put_result(const struct pg_op *op, int row, int64_t *id);

/* These may have been put: the answer was lost. What is ours is not in memory here. */
struct pg_op *inbox_untake(struct inbox *inbox, const int64_t *ids, size_t n);

/* Adopt what has no living owner, then take into memory what is ours and is not
 * there yet, at most INBOX_TAKE_MAX. */
struct pg_op *inbox_take(struct inbox *inbox);
struct inbox_taken {
    int64_t id, lane;
    int tries;
    struct slice text; /* borrowed from the op */
};
void inbox_taken(const struct pg_op *op, int row, struct inbox_taken *out);

/* Lanes with rows that are not in memory here: what is behind them must wait. */
struct pg_op *inbox_lanes(struct inbox *inbox);
/* It is about to run, and may be the process's last. */
struct pg_op *inbox_begin(struct inbox *inbox, int64_t id);
/* The multiranges of those done in the last days, a row each. */
struct pg_op *inbox_seen(struct inbox *inbox);

/* It is done: its row may go. */
void inbox_done(struct inbox *inbox, int64_t id);
/* How many of these are not carried out yet. */
size_t inbox_undone(const struct inbox *inbox);
/* Called when the last of them is. */
void inbox_on_idle(struct inbox *inbox, void (*fn)(void *arg), void *arg);

#endif
