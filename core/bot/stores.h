/*
 * stores.h - ctx.store in PostgreSQL: see script/store_desk.h for what it is.
 *
 * What is read in one turn of the loop is one statement. What is written is written
 * at once, each by a statement of its own, on the connection that the host uses for
 * everything short. Rows that have expired are not seen any more, and are deleted
 * in the background, some at a time.
 */
#ifndef BOT_STORES_H
#define BOT_STORES_H

#include "config/store.h"
#include "io/loop.h"
#include "script/store_desk.h"

struct stores;

struct stores_options {
    struct config_store *configs; /* knows which chats have moved; or NULL */
    size_t value_max;             /* bytes */
    int keys_max;                 /* of one chat */
    /* A chat's are about to be used; or NULL. */
    void (*touches)(int64_t chat, void *arg);
    void *arg;
};

struct stores *stores_new(struct loop *loop, struct pg *pg,
                          const struct stores_options *options);
void stores_free(
    struct stores *stores); /* after all its ops; NULL is allowed */
const struct store_desk *stores_desk(const struct stores *stores);
/* The table is there: delete what has expired, from now on. */
void stores_start(struct stores *stores);

#endif
