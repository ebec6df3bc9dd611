/*
 * store.h - chats' configs: cached, fetched in batches, committed.
 *
 * A struct config is one chat's stored overrides as they were at one revision;
 * it never changes. The cache holds one reference, whoever reads it another.
 * A chat without a row has the config {} with revision 0, and is cached so.
 * The cache has a budget in bytes; what was used least recently goes first.
 * What others write is told by a listener (listen.h) through config_changed().
 */
#ifndef CONFIG_STORE_H
#define CONFIG_STORE_H

#include "base/buf.h"
#include "config/patch.h"
#include "config/schema.h"
#include "io/op.h"
#include "io/pg.h"

#define CONFIG_DEPTH_MAX 64 /* objects and lists within each other */
#define CONFIG_READ_FACTOR                                                     \
    16 /* times document_max: what is larger is not read */

/* Something that another layer keeps with a config: freed with it. */
struct config_attachment {
    void (*free)(struct config_attachment *attached);
};

struct config {
    int64_t chat_id;
    int64_t revision;  /* 0: no row */
    int version;       /* of upgrades that the document has been through */
    uint32_t omitted;  /* lazy sections that the row has and text has not, by
                        * the bits of the rules that hold now */
    bool partial;      /* text is not all of the row's document */
    bool read_only;    /* it could not be upgraded: kept as it was */
    struct slice text; /* the overrides: one valid JSON object */
    struct config_attachment
        *attached; /* or NULL; set once, by whoever reads */
    int refs;      /* private */
};

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is allowed */

struct config_store; /* opaque */

struct config_store_options {
    size_t cache_bytes;
    size_t document_max; /* bytes of one chat's overrides */
    int history;         /* replaced revisions kept for a chat, at least 1 */
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

/* What a generation of scripts says about configs. Borrowed until the next. */
struct config_rules {
    int version; /* the number of upgrade functions: what new rows are stamped with */
    config_upgrade_fn upgrade;
    void *arg;
    const struct setting
        *schema; /* for lazy sections and for reports; or NULL */
};

/*
 * Rows of older versions are upgraded when they are read, and written back
 * without anybody waiting; newer ones are used as they are. Empties the cache
 * when the version or the lazy sections are others than before.
 */
void config_store_use(struct config_store *store,
                      const struct config_rules *rules);

/* If it is cached: borrowed, until the loop turns or the next call. Else NULL. */
struct config *config_cached(struct config_store *store, int64_t chat_id);
/* Forget a chat's config: the next reader asks the database. */
void config_forget(struct config_store *store, int64_t chat_id);
/* Forget all of them: anything may have changed. */
void config_forget_all(struct config_store *store);
/* A chat's row is at this revision now (0: gone): what is older is forgotten,
 * also what is on its way. */
void config_changed(struct config_store *store, int64_t chat_id,
                    int64_t revision);

/*
 * A chat has another id now, and its row with it: what is asked for or written
 * under the old id is that of the new one from now on. Some thousands are known.
 */
void config_moved(struct config_store *store, int64_t from, int64_t to);
int64_t config_home(const struct config_store *store, int64_t chat_id);

struct config_op {
    struct op op;
    struct config *config; /* of a success; the op's reference */
    int conflicts;         /* of a commit: so often somebody else had written */
    /* private */
    struct config_store *store;
    int64_t chat_id;
    TAILQ_ENTRY(config_op) link;
    struct loading *loading; /* a fetch: whose answer it waits for */
    struct flight *flight;   /* a commit's */
    struct pg_op *query;
    struct config *base;
    struct config_patch patch;   /* as it was given */
    struct config_patch rebased; /* for base: config_patch_rebase() */
    char *who;
    struct buf next;
    int tries;
    struct op *pause; /* after a conflict */
    bool in_doubt;    /* a write was sent, and its answer lost */
};

/*
 * Fetch a chat's config. What is asked for within one turn of the loop goes in
 * one statement, and those who ask for the same chat share the answer, also
 * when the statement is on its way already. Lazy sections are left out, unless
 * they are in the set `sections` (bits of setting.lazy; 0: none of them).
 * ERR_DATABASE: could not be read. ERR_CONFIG: what is stored is not an object,
 * too deep or too large; the row is left as it is.
 */
struct config_op *config_fetch(struct config_store *store, int64_t chat_id,
                               uint32_t sections);
/* What to ask config_fetch() for: these sections, in bits of a schema that may
 * be an older one than the store's. Its bits mean something else then: all. */
uint32_t config_sections(const struct config_store *store,
                         const struct setting *schema, uint32_t sections);

/*
 * Store the changes made to base (borrowed, referenced while it runs; patch is
 * copied). who: for the history, "user:42 update:1001" or "cli:alice". If
 * somebody else wrote meanwhile, their document is read and the patch applied
 * to it; lists and maps that both have changed are merged. A deadlock is tried again; after a connection that broke it is found
 * out what became of the write. op->config is what is stored then (whole, no
 * section omitted), and it is cached.
 * ERR_CONFIG: the document would be too large, or is read-only. ERR_DATABASE: not
 * stored, or, if the database could not be asked any more, not known: the text
 * says which.
 */
struct config_op *config_commit(struct config_store *store, struct config *base,
                                const struct config_patch *patch,
                                const char *who);

struct config_stats {
    size_t entries, bytes, budget;
    int64_t hits, misses, evictions, invalidations, statements;
};
struct config_stats config_store_stats(const struct config_store *store);

#endif
