/*
 * script_db.h - a few connections for the SQL of scripts, so that a slow query of
 * theirs holds up nothing of the host's.
 *
 * A connection has one query at a time, or one transaction from BEGIN to its end.
 * Who finds none free waits in line, first come, first served, for at most
 * timeout_ms. Connections are made when they are first needed. A task that has
 * ended leaves its query: the connection is free when that is over, which the
 * server's time-out bounds. A transaction that does nothing for timeout_ms is
 * rolled back.
 */
#ifndef BOT_SCRIPT_DB_H
#define BOT_SCRIPT_DB_H

#include "io/loop.h"
#include "script/db_desk.h"

#define SCRIPT_DB_CONNECTIONS_MAX 20
#define SCRIPT_DB_LINE_MAX 1000 /* who waits for a connection */

struct script_db;

struct script_db_options {
    const char *url, *schema; /* as in pg.h; must stay */
    bool prepare, require_ssl;
    int connections; /* 1 to SCRIPT_DB_CONNECTIONS_MAX */
    int timeout_ms; /* for a statement, at the server; and for a free connection */
    int64_t rows_max; /* of one result */
    size_t bytes_max;
};

struct script_db *script_db_new(struct loop *loop,
                                const struct script_db_options *options);
void script_db_free(
    struct script_db *db); /* after all its ops; NULL is allowed */
const struct db_desk *script_db_desk(const struct script_db *db);

struct script_db_stats {
    int open, busy; /* connections */
    int waiting;    /* in line */
};
struct script_db_stats script_db_stats(const struct script_db *db);

#endif
