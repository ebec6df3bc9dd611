/*
 * jobs_statements.h - the SQL of jobs and of durable counters; what each is for
 * stands with it. The longer ones are functions in schema/0007_jobs.sql.
 *
 * Time is the server's, and "ahead" by how much the clock of this program has been
 * moved on (base/clock.h), in ms.
 */
#ifndef BOT_JOBS_STATEMENTS_H
#define BOT_JOBS_STATEMENTS_H

#include "config/explain.h"

/* bot, ahead, names, schedules, zones, days that failed ones are kept → id, name, now
 * in ms, minute in the zone, problem, of bot.every?, schedule:
 * those without a next time */
extern const struct pg_statement jobs_declare_statement;
/* bot, me, time to live in ms, ahead, names, ids in hand, how many → rows of
 * moonpost_jobs_take() */
extern const struct pg_statement jobs_take_statement;
/* id, me or 0: new, base in ms, the base's minute, how many minutes later, every hour?,
 * interval in ms or 0, skip those that are over?, ahead, jitter in ms, error or NULL
 * → ms until it is due */
extern const struct pg_statement jobs_next_statement;
/* me, ids: they are over */
extern const struct pg_statement jobs_done_statement;
/* me, ids: they are anybody's again */
extern const struct pg_statement jobs_release_statement;
/* id, me, ahead, error, ms till the next try or NULL: set aside, count the try? */
extern const struct pg_statement jobs_failed_statement;
/* bot → how many wait, of 10,000 at most; how many are set aside, the same */
extern const struct pg_statement jobs_count_statement;

/* bot, name, chat, key, data, delay in ms or NULL, at in ms or NULL, at as text or NULL,
 * zone, replace?, ahead, made by, schedule or NULL → id, was it new?, ms until it is due,
 * now in ms, minute in the zone */
extern const struct pg_statement jobs_add_statement;
/* bot, id or 0, name or "", chat: 0 none, NULL any; key or NULL → how many went */
extern const struct pg_statement jobs_cancel_statement;
/* bot or 0: any, the next four as above, state or "", ahead, how many, after which id
 * → the columns of struct job_info, in its order */
extern const struct pg_statement jobs_list_statement;
/* Are the tables there? */
extern const struct pg_statement jobs_ready_statement;
/* ids, ahead, bot or 0: run now, set-aside ones too → id */
extern const struct pg_statement jobs_run_statement;
/* ids, bot or 0 → id, of those that are gone now; not of bot.every */
extern const struct pg_statement jobs_drop_statement;

/* bot, name, chats, users, keys → index, slot, n: of those counters */
extern const struct pg_statement counters_load_statement;
/* bot, JSON: [{name, chat, user, key, slot, n, ms it is kept or null}], ahead →
 * position from 0, n now */
extern const struct pg_statement counters_add_statement;
/* bot, name, chat, user, key */
extern const struct pg_statement counters_reset_statement;
/* bot, name, chat or NULL: any, user or NULL, since in ms, how many → chat, user,
 * key, n */
extern const struct pg_statement counters_top_statement;
/* bot, ahead, rows: delete so much of what has expired */
extern const struct pg_statement counters_prune_statement;

/* For `moonpost explain`. */
/* bot, name, chat → a JSON list: recorder_rows.h */
extern const struct pg_statement counters_record_statement;

extern const struct config_explained jobs_explained[];

#endif
