/*
 * statements.h - every SQL statement that config/ sends, for those who send them
 * (config/ only) and for `moonpost explain`, which looks at each.
 */
#ifndef CONFIG_STATEMENTS_H
#define CONFIG_STATEMENTS_H

#include "io/pg.h"

/* statements.c: store.h */
extern const struct pg_statement config_fetch_statement,
    config_fetch_part_statement, config_insert_statement,
    config_update_statement, config_find_statement;

/* listen.c's, in statements_listen.c: listen.h */
extern const struct pg_statement config_listen_statement,
    config_notify_statement, config_changes_statement;

#endif
