/*
 * rows.h - configs as they are stored, for commands: read one by one or in the
 * order of their chats, checked, replaced by those of a file, counted.
 *
 * The functions that send answer with the statement's op, the caller's; its
 * errors are io/'s. Nothing here goes through the store's cache, and a row that
 * is no object or could not be upgraded is read like any other.
 */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include "config/store.h"

/* Borrowed from the op that it was read from. */
struct config_row {
    int64_t chat_id;
    int64_t revision;
    int version;
    struct slice config;     /* JSON of any kind; SLICE_NONE: NULL */
    struct slice changed_at; /* "2026-01-02T06:09:56.123Z"; "": not known */
    struct slice changed_by; /* "": not known */
};

/* Are the tables there, as this program's schema migrations make them? "t", "f" */
struct pg_op *config_ready_start(struct pg *pg);

struct pg_op *config_row_start(struct pg *pg, int64_t chat_id);
/* Up to n rows, from a chat's on (INT64_MIN: from the first), ordered by chat. */
struct pg_op *config_rows_start(struct pg *pg, int64_t from, int n);
/* Row i (below pg_rows()) of one of these, or of config_history_start(). */
struct config_row config_row_read(const struct pg_op *op, int i);

/*
 * Append a stored document as this program reads it: checked, and brought to the
 * current version if it is older (*version is set to that); a newer one stays.
 * ERR_CONFIG: not a document. ERR_SCRIPT: "can't be upgraded from version 1 to 2: …".
 */
bool config_make_current(const struct config_store *store, int64_t chat_id,
                         struct slice text, int *version, struct buf *out,
                         struct err *err) MUST_CHECK;

/*
 * Import. A batch is a JSON list of what config_import_add() appends for a line:
 * was: the document as the file has it, if upgrading made it another; else
 * SLICE_NONE. Documents without \u0000 and lone surrogates, which the database
 * does not take. Of a chat that is there twice, the last line counts. One
 * transaction; rows that are equal are not written.
 */
void config_import_add(struct buf *out, int64_t chat_id, struct slice config,
                       int version, struct slice was, int was_version);
struct pg_op *config_import_start(struct config_store *store,
                                  struct slice batch, const char *who);
/* Only count: how many would change? */
struct pg_op *config_import_count_start(struct config_store *store,
                                        struct slice batch);
/* Of either. */
int64_t config_import_changed(const struct pg_op *op);

struct config_version_count {
    int version;
    int64_t rows;
};

struct config_statistics {
    int64_t rows, bytes; /* bytes: of the documents as JSON */
    int64_t empty;       /* {}, or NULL */
    int64_t unreadable;  /* not an object */
    int64_t failures, history;
    bool history_is_estimate;
    int64_t table_bytes, history_bytes;    /* with their indexes */
    struct config_version_count *versions; /* the highest first */
    size_t nversions;
    struct {
        int64_t chat_id, bytes;
    } largest[5]; /* the largest first */
    size_t nlargest;
};

/* Four statements, two of which read the whole table. All must have ended well
 * before they are read. */
enum { CONFIG_STATISTICS_OPS = 4 };
void config_statistics_start(struct pg *pg,
                             struct pg_op *ops[CONFIG_STATISTICS_OPS]);
void config_statistics_read(struct pg_op *const ops[CONFIG_STATISTICS_OPS],
                            struct config_statistics *out);
void config_statistics_release(struct config_statistics *s);

#endif
