/*
 * host_schema.h - new files of migrations/schema, applied while the bot runs.
 *
 * On a connection of its own, so that a long one holds up nothing else. The
 * generation that needs them is used when they are there; until then, and when they
 * fail, the one before stays. While the database is away it is tried again.
 */
#ifndef BOT_HOST_SCHEMA_H
#define BOT_HOST_SCHEMA_H

#include "bot/host_int.h"

/*
 * Apply what is new, then host_use_loaded() gen (taken). Only if none is going on.
 * changes: which files changed, for the message; started_ns: when that began.
 */
void host_schema_begin(struct host *host, struct generation *gen,
                       const char *changes, int64_t started_ns);

/* Is one going on? Then host_reload() is called at its end. One that waits for the
 * database is given up: the folder has changed, begin anew. */
bool host_schema_is_busy(struct host *host);

/* Give it up. What runs in the server then is taken back or done, as a whole. */
void host_schema_stop(struct host *host);

#endif
