/*
 * admin_int.h - the statements of history.c and rows.c, in statements_admin.c: for
 * them, and for `moonpost explain`, which looks at each. For config/ and bot/.
 */
#ifndef CONFIG_ADMIN_INT_H
#define CONFIG_ADMIN_INT_H

#include "io/pg.h"

/* rows.c */
extern const struct pg_statement config_ready_statement, config_row_statement,
    config_rows_statement, config_import_statement,
    config_import_count_statement, config_versions_statement,
    config_sizes_statement, config_largest_statement, config_tables_statement;

/* history.c */
extern const struct pg_statement config_history_statement;

#endif
