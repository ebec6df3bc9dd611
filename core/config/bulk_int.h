/*
 * bulk_int.h - a bulk upgrade's inside, for config/ only: bulk.c reads and
 * upgrades, bulk_write.c writes, statements_bulk.c has the SQL. See bulk.h.
 */
#ifndef CONFIG_BULK_INT_H
#define CONFIG_BULK_INT_H

#include "config/bulk.h"
#include "config/store_int.h"

/* Between two documents in a parameter: in no JSON text. */
#define BULK_SEPARATOR '\x1f'

struct bulk_row {
    int64_t chat_id, revision;
    int version;
    size_t at, n; /* the new document's place in the batch's texts */
};

/* What is on its way to the tables: documents, or failures. */
struct bulk_post {
    struct bulk *bulk;
    struct bulk_row *rows; /* of documents; NULL: failures */
    int nrows;
    struct buf texts; /* the documents; or a JSON array of failures */
    struct pg_op *query;
    struct op *retry;
    bool in_doubt; /* it was sent before, and no answer came */
    TAILQ_ENTRY(bulk_post) link;
};

struct bulk {
    struct config_bulk_op pub;
    struct config_store *store;
    struct config_bulk_options o;
    char *who;
    char since[40];  /* the server's time when it began */
    int64_t at_chat; /* the last row that was read */
    int at_version;
    bool all_read;
    bool another_pass;   /* somebody else wrote */
    unsigned connection; /* its number when the pass began */
    struct pg_op *query; /* on its way: everything but posts */
    struct op *timer;    /* a pause, or before another try */
    void (*then)(struct bulk *bulk);
    struct pg_op *page;      /* the batch being upgraded */
    int page_row;            /* of it, the next */
    struct bulk_post *post;  /* where its documents go */
    struct op *slice;        /* between two slices of it */
    struct pg_op *next_page; /* or NULL: read meanwhile */
    int tries;               /* failed in a row */
    TAILQ_HEAD(, bulk_post) posts;
    int nposts;
    struct buf failures; /* of the batch in hand: members of a JSON array */
};

/* bulk.c */
/* A post is gone, or there is something to read again. May end the op. */
void bulk_go_on(struct bulk *b);
/*
 * After an error: how long to wait before another try; -1: the op has ended
 * with it.
 */
int64_t bulk_backoff(struct bulk *b, const struct pg_op *query);
void bulk_note_failure(struct bulk *b, int64_t chat_id, int version,
                       const char *error);

/* bulk_write.c */
struct bulk_post *bulk_post_new(struct bulk *b);
void bulk_post_add(struct bulk_post *p, const struct bulk_row *row,
                   struct slice text);
void bulk_post_send(struct bulk_post *p);
/* Send the failures that were noted, if any. */
void bulk_post_failures(struct bulk *b);
void bulk_post_free(struct bulk_post *p);

/* statements_bulk.c */
extern const struct pg_statement config_bulk_begin_statement,
    config_bulk_read_statement, config_bulk_write_statement,
    config_bulk_failures_statement, config_bulk_end_statement,
    config_bulk_dry_begin_statement, config_bulk_dry_read_statement;

struct pg_op *bulk_send_begin(struct bulk *b);
/* A row: see enum; the text is NULL if it is longer than can be read. */
enum { BULK_CHAT, BULK_TEXT, BULK_VERSION, BULK_REVISION, BULK_SIZE };
struct pg_op *bulk_send_read(struct bulk *b);
/* Answers with how many rows were written, and how many of the others are at the
 * version already. */
struct pg_op *bulk_send_write(struct bulk *b, const struct bulk_post *p);
struct pg_op *bulk_send_failures(struct bulk *b, struct slice json);
struct pg_op *bulk_send_end(struct bulk *b);

#endif
