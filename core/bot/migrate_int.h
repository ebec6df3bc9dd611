/*
 * migrate_int.h - what the files of migrate share.
 *
 *     migrate.c         what has run, and running the rest
 *     migrate_files.c   the files: their names, their texts
 *     migrate_message.c what is said of one that fails
 */
#ifndef BOT_MIGRATE_INT_H
#define BOT_MIGRATE_INT_H

#include "bot/migrate.h"

struct migration {
    char *owner; /* "moonpost" or "bot" */
    char *name;  /* "0001_chat_configs.sql" */
    char *sql;
};

struct migrations {
    struct migration *list;
    size_t n;
};

/* The core's own, then those of dir; numbers and names are checked. */
bool migrations_list(struct migrations *files, const char *dir,
                     struct err *err) MUST_CHECK;
void migrations_release(struct migrations *files);

/* Can it be run as one transaction? If not, append what is wrong, with its line. */
bool migration_check(const struct migration *file, struct buf *out) MUST_CHECK;

bool migration_is_ours(const struct migration *file); /* the core's */

/* What was sent, and what came back. */
struct migration_failure {
    const struct migration *file; /* NULL: before the first */
    const struct pg_op *query;    /* NULL: the server was not asked */
    const struct err *err;
    int statements; /* of ours before the file's first */
    int characters; /* the same; its position is behind them */
};

/* Append file, line, what is wrong, the line with a caret, a hint: without a line
 * break at the end. */
void migration_explain(struct buf *out, const struct migration_failure *why);

#endif
