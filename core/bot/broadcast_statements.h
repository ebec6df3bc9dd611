/*
 * broadcast_statements.h - the SQL of broadcasts and of the chats that were seen;
 * what each is for stands with it.
 */
#ifndef BOT_BROADCAST_STATEMENTS_H
#define BOT_BROADCAST_STATEMENTS_H

#include "config/explain.h"

/* bot, who, what: of moonpost_broadcast_chats(). → how many, [a few of them] */
extern const struct pg_statement broadcast_count_statement;
/* bot, who, what, method, parameters, recipients, made by, key → id, was made */
extern const struct pg_statement broadcast_make_statement;
/* id or 0: the newest; how many → the columns of struct broadcast, in its order */
extern const struct pg_statement broadcast_find_statement;
/* id → state, error, how many, one of the chats: the most frequent errors */
extern const struct pg_statement broadcast_errors_statement;
/* id, after which chat, state or "" → chat, state, error */
extern const struct pg_statement broadcast_chats_statement;
/* id, from states, to state, reason → a row if it was in one of them */
extern const struct pg_statement broadcast_change_statement;
/* id → a row if there was something to try again */
extern const struct pg_statement broadcast_retry_statement;
/* bot, sender, ids that it sends, how many → running ones of the bot, and for each
 * that is the sender's now: id, method, parameters (not of known ids), recipients,
 * chats that came in doubt by this, chats, those not over */
extern const struct pg_statement broadcast_look_statement;
/* id, sender, results as JSON, chats that the sender has, how many, after which chat
 * → still its sender?, [chats to send to] */
extern const struct pg_statement broadcast_step_statement;
/* id, sender → a row if it is done now */
extern const struct pg_statement broadcast_finish_statement;
/* sender, ids: it sends them no more */
extern const struct pg_statement broadcast_release_statement;
/* days, rows: of those that ended before, delete so much */
extern const struct pg_statement broadcast_prune_statement;
/* bot, chats, kinds, whys: as chats_seen() has them */
extern const struct pg_statement chats_write_statement;

/* For `moonpost explain`. */
extern const struct config_explained broadcast_explained[];

#endif
