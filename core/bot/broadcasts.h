/*
 * broadcasts.h - sends the broadcasts that wait in the database: this process's own
 * and those that commands and other instances made.
 *
 * One process at a time sends a broadcast; it has it by a lease on its row. Chats
 * are marked as sending, and that is committed, before their calls leave; `window`
 * of them at most, so that a crash leaves at most so many in doubt. What became of
 * one and the mark of the next are one statement. Calls wait for replies
 * (SEND_BROADCAST).
 *
 *     look every 1 or 10 s ─► run: step ─► call ─► step ─► … ─► finish
 */
#ifndef BOT_BROADCASTS_H
#define BOT_BROADCASTS_H

#include "io/loop.h"
#include "io/pg.h"
#include "telegram/broadcast.h"

struct broadcasts;
struct sender;

struct broadcasts_options {
    int window;    /* calls of one broadcast at once */
    int keep_days; /* after its end */
    /* Nothing can be sent to this chat any more; or NULL. */
    void (*gone)(int64_t chat_id, void *arg);
    /* After broadcasts_stop(): nothing is on its way any more; or NULL. */
    void (*idle)(void *arg);
    void *arg;
};

struct broadcasts *broadcasts_new(struct loop *loop, struct pg *pg,
                                  struct sender *sender, int64_t bot,
                                  const struct broadcasts_options *o);
void broadcasts_free(struct broadcasts *b); /* NULL is allowed */

void broadcasts_start(struct broadcasts *b); /* once the tables are there */
/* There may be a new one. */
void broadcasts_kick(struct broadcasts *b);
/* Claim no more; what is on its way is waited for and noted, then idle() is called,
 * perhaps from within this. */
void broadcasts_stop(struct broadcasts *b);
bool broadcasts_idle(const struct broadcasts *b);

/* How many run here, for metrics. */
int broadcasts_running(const struct broadcasts *b);

#endif
