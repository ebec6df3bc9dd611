/*
 * instance.h - this program among others of the same bot: a sign of life in
 * PostgreSQL, and the lease of polling.
 *
 *     JOINING ─ first answer ─► STANDBY ─ the lease is free ─► LEADING
 *                                  ▲                              │
 *                                  └────── it was taken away ─────┘
 *
 * A bot's token can be polled with by one program at a time. Who has the lease is a
 * row with the instance's number (schema/0003_inbox.sql); a session's advisory lock
 * would not work through a pooler. The row is good for INSTANCE_TTL_MS after the
 * last sign of life; who waits for it asks every INSTANCE_STANDBY_MS. A killed
 * program is found out sooner by its connection, which is gone with it.
 * In webhook mode there is no lease: STANDBY is followed by LEADING at once.
 * While PostgreSQL can't be reached, nothing changes: it goes on polling, and
 * another that can't reach it either can't begin. But when Telegram says that
 * another one polls (instance_conflict()), then it does reach it and has the lease.
 */
#ifndef BOT_INSTANCE_H
#define BOT_INSTANCE_H

#include "io/loop.h"
#include "io/pg.h"

#define INSTANCE_TTL_MS 4000
#define INSTANCE_BEAT_MS 500
#define INSTANCE_STANDBY_MS 200

enum instance_state { INSTANCE_JOINING, INSTANCE_STANDBY, INSTANCE_LEADING };

struct instance;

struct instance_options {
    int64_t bot_id;
    bool polls; /* wants the lease */
    /* The state has changed. clean: with LEADING, whoever led before has left
     * in order. */
    void (*changed)(enum instance_state state, bool clean, void *arg);
    void (*beat)(void *arg); /* after each sign of life, or NULL */
    void *arg;
};

struct instance *instance_new(struct loop *loop, struct pg *pg,
                              const struct instance_options *options);
void instance_free(struct instance *instance); /* NULL is allowed */
void instance_join(struct instance *instance); /* when the tables are there */

int64_t instance_id(const struct instance *instance);
enum instance_state instance_state(const struct instance *instance);
/* Other living ones of this bot, as last seen. */
int instance_others(const struct instance *instance);
/* "host:process" of who leads, when it is another one; or "". */
const char *instance_leader(const struct instance *instance);

/* getUpdates was answered with 409. If the lease may be over it is another's:
 * STANDBY, until PostgreSQL says whose it is. */
void instance_conflict(struct instance *instance);

/* Give the lease back, and say that we are stopping. Then only signs of life. */
struct pg_op *instance_release(struct instance *instance);
/* At the very end: what is ours in the inbox is anybody's, and we are gone. */
struct pg_op *instance_leave(struct instance *instance);

#endif
