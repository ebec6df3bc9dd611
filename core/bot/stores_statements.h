/* stores_statements.h - the SQL of ctx.store. Times are milliseconds since 1970, by
 * the host's clock. */
#ifndef BOT_STORES_STATEMENTS_H
#define BOT_STORES_STATEMENTS_H

#include "config/explain.h"

/* chats, keys, now → for those that are there: their number from 1, value */
extern const struct pg_statement store_get_statement;
extern const struct pg_statement
    store_all_statement; /* chat, now → key, value */
/* chat, key, value, now, ttl or NULL, most keys, only if new → is there room, done */
extern const struct pg_statement store_set_statement;
/* chat, key, number, now, ttl or NULL, most keys → is there room, the sum or NULL */
extern const struct pg_statement store_add_statement;
extern const struct pg_statement
    store_take_statement; /* chat, key, now → value */
extern const struct pg_statement
    store_clear_statement; /* chat, now → how many */
extern const struct pg_statement store_sweep_statement; /* now, most */
/* chat → a JSON list: recorder_rows.h */
extern const struct pg_statement store_record_statement;

/* For `moonpost explain`. */
extern const struct config_explained stores_explained[];

#endif
