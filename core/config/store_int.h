/*
 * store_int.h - the store's inside, for config/ only: store.c makes it, fetch.c
 * reads, upgrade.c brings documents to the current version, commit.c writes.
 */
#ifndef CONFIG_STORE_INT_H
#define CONFIG_STORE_INT_H

#include "config/cache.h"
#include "config/store.h"
#include "io/loop.h"

#define CONFIG_DEPTH_MAX 64 /* of a document: what is deeper is not read */

TAILQ_HEAD(config_ops, config_op);

/* One statement on its way, and who waits for it. */
struct fetch {
    struct config_store *store;
    struct pg_op *query;
    struct config_ops ops;
    TAILQ_ENTRY(fetch) link;
};

struct config_store {
    struct loop *loop;
    struct pg *pg;
    struct cache *cache;
    struct config_ops wanted; /* since the last turn's end */
    TAILQ_HEAD(, fetch) fetches;
    struct loop_turn_hook *hook;
    size_t document_max;
    int version;
    config_upgrade_fn upgrade;
    void *upgrade_arg;
    TAILQ_HEAD(, writeback) writebacks;
    int64_t statements;
};

/* An upgraded document on its way to its row. */
struct writeback {
    struct config_store *store;
    struct config *config; /* what was upgraded; its revision is the row's */
    struct pg_op *query;
    TAILQ_ENTRY(writeback) link;
};

/* statements.c: every SQL statement of config/. */
extern const struct pg_statement config_fetch_statement;
struct pg_op *config_send_fetch(struct config_store *store, struct slice chats);
struct pg_op *config_send_insert(struct config_store *store,
                                 const struct config *base, struct slice text);
/* Only while the row's revision is still base's. */
struct pg_op *config_send_update(struct config_store *store,
                                 const struct config *base, struct slice text);

/* op.c */
struct config_op *config_op_new(struct config_store *store, int64_t chat_id);
/* Whatever it was to io/: for those who wait, the database could not be asked. */
void config_op_failed(struct config_op *op, const struct err *why);

/* fetch.c */
struct config *config_read_row(struct config_store *store,
                               const struct pg_op *query, int row,
                               struct err *err);
/* Send what was asked for in this turn; an end-of-turn hook. */
void config_fetch_wanted(void *store);
void config_fetches_free(struct config_store *store);

/* upgrade.c: takes old's reference, returns one of what is to be used. */
struct config *config_upgraded(struct config_store *store, struct config *old);
void config_write_back(struct config_store *store, struct config *config);
void config_writebacks_free(struct config_store *store);

#endif
