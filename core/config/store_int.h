/*
 * store_int.h - the store's inside, for config/ only: store.c makes it and keeps
 * what is known, fetch.c reads, upgrade.c brings documents to the current version,
 * commit.c writes.
 */
#ifndef CONFIG_STORE_INT_H
#define CONFIG_STORE_INT_H

#include <uthash.h>

#include "config/cache.h"
#include "config/schema.h"
#include "config/store.h"
#include "io/loop.h"

TAILQ_HEAD(config_ops, config_op);
TAILQ_HEAD(loadings, loading);

/*
 * A chat that is being read or written. What is said about its row meanwhile
 * may come before the answer that it makes old: `seen` keeps it till then.
 */
struct flight {
    int64_t chat_id;
    int64_t seen; /* the highest revision that was told; INT64_MAX: forget */
    int refs;
    UT_hash_handle hh;
};

/* A chat that is being read, and who waits for it. */
struct loading {
    struct flight *flight;
    uint32_t sections; /* the lazy ones that are wanted too */
    int64_t seen;      /* of the flight, when the statement was sent */
    bool sent;
    struct config_ops ops;
    TAILQ_ENTRY(loading) link; /* of the store's wanted, or of its fetch */
    int64_t chat_id;
    UT_hash_handle hh; /* of the store's loading: the last one of a chat */
};

/* One statement on its way, and what it reads. */
struct fetch {
    struct config_store *store;
    struct pg_op *query;
    int64_t epoch; /* of the rules, when it was sent */
    struct loadings loadings;
    TAILQ_ENTRY(fetch) link;
};

struct config_store {
    struct loop *loop;
    struct pg *pg;
    struct cache *cache;
    struct flight *flights;
    struct config_move *moved; /* by the old id: moved.c */
    struct loading *loading;
    struct loadings wanted; /* since the last turn's end */
    TAILQ_HEAD(, fetch) fetches;
    struct loop_turn_hook *hook;
    size_t document_max;
    int history;
    struct config_rules rules;
    int64_t epoch;   /* counts versions and sets of lazy sections */
    struct buf lazy; /* "{filters,notes}": the lazy sections' names; "{}" */
    uint32_t lazy_all;
    TAILQ_HEAD(, writeback) writebacks;
    int64_t statements, invalidations;
};

/* An upgraded document on its way to its row. */
struct writeback {
    struct config_store *store;
    struct flight *flight;
    struct config *config; /* what was upgraded; its revision is the row's */
    struct pg_op *query;
    TAILQ_ENTRY(writeback) link;
};

void config_moves_free(struct config_store *store); /* moved.c */

/* store.c */
struct flight *config_flight(struct config_store *store, int64_t chat_id);
void config_flight_end(struct config_store *store, struct flight *flight);
/* Cache a config that was read or written during the flight, unless it is
 * known to be old, or is still to be upgraded. */
void config_keep(struct config_store *store, const struct flight *flight,
                 struct config *config);

/* statements.c */
enum { FETCH_CHAT, FETCH_CONFIG, FETCH_VERSION, FETCH_REVISION, FETCH_OMITTED };
/* sections: the lazy ones to read too; the others are left out. */
struct pg_op *config_send_fetch(struct config_store *store, struct slice chats,
                                uint32_t sections);
/* The next two answer with the row's new revision, or no row: a conflict. */
struct pg_op *config_send_insert(struct config_store *store,
                                 const struct config *base, struct slice text,
                                 const char *who);
/* Only while the row's revision is still base's. */
struct pg_op *config_send_update(struct config_store *store,
                                 const struct config *base, struct slice text,
                                 const char *who);
/* The revision after base's that who wrote with this text, and whether it is the
 * row's present one; or no row: there is none. */
struct pg_op *config_send_find(struct config_store *store,
                               const struct config *base, struct slice text,
                               const char *who);

/* op.c */
struct config_op *config_op_new(struct config_store *store, int64_t chat_id);
/* Whatever it was to io/: for those who wait, the database could not be asked. */
void config_op_failed(struct config_op *op, const struct err *why);

/* fetch.c */
/* A row of config_send_fetch(), upgraded if need be. */
struct config *config_read_row(struct config_store *store,
                               const struct pg_op *query, int row,
                               struct err *err);
/* An op no longer waits. */
void config_fetch_leave(struct config_op *op);
/* Send what was asked for in this turn; an end-of-turn hook. */
void config_fetch_wanted(void *store);
void config_fetches_free(struct config_store *store);

/* upgrade.c */
/* Is this a document that can be used? ERR_CONFIG names the chat. SLICE_NONE (NULL
 * in the row) is no document: use {}. */
bool config_check_stored(const struct config_store *store, int64_t chat_id,
                         struct slice text, struct err *err) MUST_CHECK;
/*
 * The one way to the current version, for reading, bulk and background: append
 * what a checked document becomes. ERR_SCRIPT or ERR_CONFIG: why it can't be.
 */
bool config_upgrade_text(const struct config_store *store, int64_t chat_id,
                         struct slice text, int version, struct buf *out,
                         struct err *err) MUST_CHECK;
/* Takes old's reference, returns one of what is to be used. */
struct config *config_upgraded(struct config_store *store, struct config *old);
void config_write_back(struct config_store *store, struct config *config);
void config_writebacks_free(struct config_store *store);

#endif
