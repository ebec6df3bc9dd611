/* dead_statements.h - the SQL of updates that were set aside, and of looking at
 * what waits, for dead.c and for `moonpost inbox`. */
#ifndef BOT_DEAD_STATEMENTS_H
#define BOT_DEAD_STATEMENTS_H

#include "config/explain.h"

/* bot, updates as a JSON array: see dead.c */
extern const struct pg_statement dead_write_statement;
/* bot, how many are kept: the rest goes */
extern const struct pg_statement dead_trim_statement;

/*
 * Bot and chat 0: any.
 *   - A waiting one: bot, id, lane, kind, received, tries, has an owner?, in its
 *     memory?, the owner's name or NULL, seconds since it was seen or NULL, update.
 *   - A dead one: bot, id, chat or 0, kind, received or NULL, tries, died, reason,
 *     handler or NULL, error, update.
 */

/* → are the tables there? */
extern const struct pg_statement inbox_ready_statement;
/* bot, chat → how many wait, in how many lanes, how many are dead */
extern const struct pg_statement inbox_count_statement;
/* bot, chat, most → waiting ones in their order, without the update */
extern const struct pg_statement inbox_waiting_statement;
/* bot, id → waiting ones */
extern const struct pg_statement inbox_one_waiting_statement;
/* bot, chat, most → dead ones without the update, newest first */
extern const struct pg_statement inbox_dead_statement;
/* bot, chat, most → equal errors: how many, reason, handler, the error's first line,
 * the first's and the last's time, "1, 2, 3": the last ones' ids */
extern const struct pg_statement inbox_errors_statement;
/* bot, chat, after bot, after id, ids or NULL, most → dead ones, by bot and id */
extern const struct pg_statement inbox_find_statement;
/* [{"bot":…,"id":…,"lane":…}] → bots and ids that went back into the inbox */
extern const struct pg_statement inbox_retry_statement;
/* the same, without lane → bots and ids that are deleted */
extern const struct pg_statement inbox_drop_statement;

/* For `moonpost explain`. */
extern const struct config_explained dead_explained[];

#endif
