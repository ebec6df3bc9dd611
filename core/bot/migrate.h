/*
 * migrate.h - schema migrations: the core's own tables, then the bot's.
 *
 * The core's are compiled in; the bot's are migrations/schema/NNNN_name.sql.
 * Each file is one transaction together with its row in schema_migrations, and
 * runs once. Two programs that migrate at the same time wait for each other
 * (an advisory lock within the transaction). The schema of pg's options is made if
 * it is not there; its name must be one that needs no quotes.
 */
#ifndef BOT_MIGRATE_H
#define BOT_MIGRATE_H

#include "io/loop.h"
#include "io/pg.h"

struct migrate_op {
    struct op op;
    int applied;    /* how many files ran; 0: all was up to date */
    bool try_again; /* with an error: the database was away, or too busy */
    /* With an error: all that is said of it, lines with file, line number, the line
     * and a hint; err.text has its beginning. The op's. */
    const char *message;
};

/* For `moonpost explain`. */
extern const struct pg_statement migrate_seen_statement;

/*
 * dir: the bot's folder, which is read here. dry_run: only log what would run.
 * ERR_SCRIPT: a migration file's name or number, one that can't be run as a
 * transaction, or one that ran was changed or renamed since. ERR_DATABASE: with the
 * file's name.
 */
struct op *migrate_start(struct loop *loop, struct pg *pg, const char *dir,
                         bool dry_run);
/* The name of the bot's file that runs now, or NULL. */
const char *migrate_running(const struct op *op);

/* Only the files' names, numbers, and whether they are text; no database. */
bool migrate_check_files(const char *dir, struct err *err) MUST_CHECK;

#endif
