/*
 * counter_writes.h - durable counters in PostgreSQL: what is counted here is added
 * to the rows (several processes' add up) every few seconds, in one statement, and
 * at the end; what the rows have is looked up when a count is first used.
 *
 * After a crash, what was counted in the last COUNTER_WRITE_MS is lost.
 */
#ifndef BOT_COUNTER_WRITES_H
#define BOT_COUNTER_WRITES_H

#include "config/store.h"
#include "io/loop.h"
#include "io/pg.h"
#include "script/counter_desk.h"

#define COUNTER_WRITE_MS 3000

struct counter_writes;

/* all: borrowed. idle: after counter_writes_stop(), nothing is left to write. */
struct counter_writes *counter_writes_new(struct loop *loop, struct pg *pg,
                                          struct counters *all, int64_t bot,
                                          void (*idle)(void *arg), void *arg);
void counter_writes_free(struct counter_writes *w); /* NULL is allowed */

/* Something may have been added. To be called often: it is a look at a number. */
void counter_writes_kick(struct counter_writes *w);
/* Write what there is, now. */
void counter_writes_flush(struct counter_writes *w);
void counter_writes_stop(struct counter_writes *w);
bool counter_writes_are_idle(const struct counter_writes *w);

/* For struct counter_desk: counter_desk.h says what they do. */
struct op *counter_load_start(struct counter_writes *w, struct counter *c,
                              const struct count_key *key);
struct op *counter_reset_start(struct counter_writes *w, struct counter *c,
                               const struct count_key *key);
struct op *counter_top_start(struct counter_writes *w, struct counter *c,
                             int64_t chat, int64_t user, int n);

#endif
