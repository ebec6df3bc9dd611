/* asks_statements.h - the SQL of questions that wait: see asks.h. */
#ifndef BOT_ASKS_STATEMENTS_H
#define BOT_ASKS_STATEMENTS_H

#include "config/explain.h"

/* bot, instance, [{"c": chat, "u": user, "t": topic, "e": text or null, "m": until, in
 * ms since 1970}, …] */
extern const struct pg_statement asks_write_statement;
/* bot, instance, the same without e and m: they don't wait any more */
extern const struct pg_statement asks_over_statement;
/* bot, instance, ttl ms, now in ms since 1970, most → chat, topic, text or NULL,
 * whether it would still wait */
extern const struct pg_statement asks_lost_statement;

/* For `moonpost explain`. */
extern const struct config_explained asks_explained[];

#endif
