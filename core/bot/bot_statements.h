/*
 * bot_statements.h - the SQL of updates that wait, and of the programs that run
 * them; the functions are in schema/0003_inbox.sql. Each has its line in
 * bot_statements.c for `moonpost explain`.
 */
#ifndef BOT_STATEMENTS_H
#define BOT_STATEMENTS_H

#include "config/explain.h"

/* bot, instance, name, mode, backend or NULL, wants the lease, ttl ms, dead
 * → leads, clean, holder, its name, others */
extern const struct pg_statement instance_beat_statement;
extern const struct pg_statement instance_release_statement; /* bot, instance */
extern const struct pg_statement instance_leave_statement;   /* bot, instance */

/* bot, instance, ids, lanes, whether I run them, texts (a JSON array), tries: kept for
 * whoever runs them. → id of what was not there before */
extern const struct pg_statement inbox_save_statement;
/* bot, instance, ttl ms, ids, lanes, texts → id, mine, known */
extern const struct pg_statement inbox_put_statement;
extern const struct pg_statement
    inbox_untake_statement; /* bot, instance, ids */
/* bot, instance, ttl ms */
extern const struct pg_statement inbox_adopt_statement;
/* bot, instance, ttl ms, most → id, lane, tries, text */
extern const struct pg_statement inbox_take_statement;
/* bot, instance → lane, first update: of the rows that I do not have in memory */
extern const struct pg_statement inbox_lanes_statement;
extern const struct pg_statement inbox_begin_statement; /* bot, id */
extern const struct pg_statement inbox_done_statement;  /* bot, ids */
extern const struct pg_statement inbox_seen_statement;  /* bot → ids */
extern const struct pg_statement inbox_depth_statement; /* bot → count */

/* For `moonpost explain`. */
extern const struct config_explained bot_explained[];

#endif
