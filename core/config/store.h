/*
 * store.h - chats' configs: cached, fetched in batches, committed.
 *
 * A struct config is one chat's stored overrides as they were at one revision;
 * it never changes. The cache holds one reference, whoever reads it another.
 * A chat without a row has the config {} with revision 0, and is cached so.
 * The cache has a budget in bytes; what was used least recently goes first.
 */
#ifndef CONFIG_STORE_H
#define CONFIG_STORE_H

#include "base/buf.h"
#include "config/patch.h"
#include "io/op.h"
#include "io/pg.h"

#define CONFIG_DEPTH_MAX 64 /* objects and lists within each other */

struct config {
    int64_t chat_id;
    int64_t revision;  /* 0: no row */
    int version;       /* of upgrades that the document has been through */
    struct slice text; /* the overrides: one valid JSON object */
    bool read_only;    /* it could not be upgraded: kept as it was */
    int refs;          /* private */
};

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is allowed */

struct config_store; /* opaque */

struct config_store_options {
    size_t cache_bytes;
    size_t document_max; /* bytes of one chat's overrides */
};

struct config_store *config_store_new(struct loop *loop, struct pg *pg,
                                      const struct config_store_options *o);
void config_store_free(struct config_store *store); /* after all its ops */

/*
 * Append the document of a chat brought from its version to the current one.
 * An error leaves the row as it is, and the chat's config read-only.
 */
typedef bool (*config_upgrade_fn)(int64_t chat_id, struct slice text,
                                  int version, struct buf *out, struct err *err,
                                  void *arg);
/*
 * The number of upgrade functions: what new rows are stamped with. Older rows
 * are upgraded when they are read, and written back without anybody waiting;
 * newer ones are used as they are. Changing it empties the cache.
 */
void config_store_set_version(struct config_store *store, int version,
                              config_upgrade_fn upgrade, void *arg);

/* If it is cached: borrowed, until the loop turns or the next call. Else NULL. */
struct config *config_cached(struct config_store *store, int64_t chat_id);
/* Forget a chat's config: the next reader asks the database. */
void config_forget(struct config_store *store, int64_t chat_id);

struct config_op {
    struct op op;
    struct config *config; /* of a success; the op's reference */
    /* private */
    struct config_store *store;
    int64_t chat_id;
    TAILQ_ENTRY(config_op) link;
    struct pg_op *query;
    struct config *base;
    struct config_patch patch;
    struct buf next;
    int tries;
    bool in_fetch;
};

/*
 * Fetch a chat's config. What is asked for within one turn of the loop goes in
 * one statement, and those who ask for the same chat share the answer.
 * ERR_DATABASE: could not be read. ERR_CONFIG: what is stored is not an object
 * or too deep; the row is left as it is.
 */
struct config_op *config_fetch(struct config_store *store, int64_t chat_id);

/*
 * Store the changes made to base (borrowed, referenced while it runs; patch is
 * copied). If somebody else wrote meanwhile, their document is read and the
 * patch applied to it. op->config is what is stored then, and it is cached.
 * ERR_CONFIG: the document would be too large; ERR_DATABASE: not stored, or
 * the connection broke in between; then nothing is cached.
 */
struct config_op *config_commit(struct config_store *store, struct config *base,
                                const struct config_patch *patch);

struct config_stats {
    size_t entries, bytes;
    int64_t hits, misses, evictions, statements;
};
struct config_stats config_store_stats(const struct config_store *store);

#endif
