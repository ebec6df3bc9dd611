/*
 * bulk.h - bringing all rows to the current version, in batches.
 *
 *     read a batch ─► upgrade each in memory ─► write it: one statement
 *          ▲  (the next is read meanwhile)              │
 *          └────────────────────────────────────────────┘
 *
 * Batches go through the rows below the store's version in the order of
 * (version, chat_id); a row is written only if its revision is still the one
 * that was read. Rows that somebody else wrote meanwhile are met again in
 * another pass, until a pass meets none. Nothing is remembered between runs: what is
 * done is above the version, so a run that was ended goes on where it was.
 * Memory does not grow with the number of rows.
 *
 * The documents come from the store's upgrade function, the one that reading
 * uses. A row that fails stays as it is, gets a row in config_failures, and
 * stops no other; when it has been upgraded, that row goes.
 */
#ifndef CONFIG_BULK_H
#define CONFIG_BULK_H

#include "config/store.h"

struct config_bulk_counts {
    int64_t total; /* rows below the version when it began; -1: not counted */
    int64_t upgraded;  /* written (dry run: would be) */
    int64_t others;    /* brought up by somebody else meanwhile */
    int64_t failed;    /* left as they were */
    int64_t conflicts; /* written by others meanwhile, and met again */
    int64_t misfits; /* upgraded, but a value does not fit its setting: kept */
    int passes;
};

struct config_bulk_options {
    int batch;    /* rows in a statement, at least 1 */
    int pause_ms; /* after each batch, for others; 0: none, and the next batch
                      * is read and upgraded while one is being written */
    bool dry_run; /* write nothing; also where tables are missing yet */
    const char *who; /* for the history: "migrate", "background"; copied */
    /* All may be NULL. Called from the loop; must not free the op. on_batch: the
     * rows are counted first, which takes a while. */
    void (*on_batch)(const struct config_bulk_counts *counts, void *arg);
    void (*on_failed)(int64_t chat_id, int version, const char *error,
                      void *arg);
    void (*on_misfit)(int64_t chat_id, const char *error, void *arg);
    /* Of a dry run: each document before and after. */
    void (*on_upgraded)(int64_t chat_id, struct slice before,
                        struct slice after, void *arg);
    void *arg;
};

struct config_bulk_op {
    struct op op;
    struct config_bulk_counts counts;
    bool try_again; /* with an error: the database was away, or too busy */
};

/* ERR_DATABASE: it ended early, what is done is done. Errors that pass (the
 * connection lost, a deadlock, a time-out) are tried again a few times first. */
struct config_bulk_op *config_bulk_start(struct config_store *store,
                                         const struct config_bulk_options *o);

#endif
