/*
 * testing.h - what `moonpost test` asks of a host that it runs specs against, and
 * of the database that it makes for them. For core/testing only.
 *
 * The database is a schema of its own, named TESTING_PREFIX<time>_<pid>, in the
 * database of DATABASE_URL. Nothing outside of it is read or written.
 */
#ifndef BOT_TESTING_H
#define BOT_TESTING_H

#include "bot/host.h"
#include "io/pg.h"
#include "script/vm.h"

#define TESTING_PREFIX "moonpost_test_"
/* A run that was killed leaves its schema; who comes this much later drops it. */
#define TESTING_KEEP_S (24 * 3600)

/* --- the host ---------------------------------------------------------------------- */

/* It polls, and does not start, stop or wait for a step of its own; no handler that
 * gave way (script/watchdog.h) is to go on. */
bool host_is_up(const struct host *host);
/* No handler that gave way is to go on, and no call of the host's own is out; though
 * it may not be up. */
bool host_is_at_rest(const struct host *host);
bool host_is_stopped(const struct host *host);
/* What it has in hand and waits for, for people: "2 updates in hand, 1 task". */
void host_describe(const struct host *host, struct buf *out);
/* Don't wait with the next poll: see intake_hurry(). */
void host_hurry(struct host *host);
/* Among the programs of this bot. */
int64_t host_number(const struct host *host);
/* Live as long as the generation. */
const struct services *host_services(const struct host *host);
const struct setting *host_schema(const struct host *host);

/* --- the database ------------------------------------------------------------------- */

/*
 * pg: a connection with the schema in its options. In this order: drop old ones;
 * migrate_start(); keep what the migrations have put into the tables; reset before
 * each spec: the tables as they were then, and the sequences; drop. All are
 * scripts (pg_script()).
 */
struct pg_op *testing_drop_old(struct pg *pg, int64_t now_s);
struct pg_op *testing_keep(struct pg *pg);
struct pg_op *testing_reset(struct pg *pg);
struct pg_op *testing_drop(struct pg *pg);
/* A host that ended without being able to say so is found out at once. */
struct pg_op *testing_bury(struct pg *pg, int64_t number);
/* On the connection that listens: what others have committed was notified then. */
struct pg_op *testing_heed(struct pg *pg);

/*
 * The SQL of a spec. What has rows to show comes as one column of one row: a JSON
 * list of objects; then *rows is set. Append it to out.
 */
void testing_query(struct slice sql, struct buf *out, bool *rows);

#endif
