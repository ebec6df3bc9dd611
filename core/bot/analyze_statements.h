/* analyze_statements.h - the SQL of analyze.c: which tables have changed much. */
#ifndef BOT_ANALYZE_STATEMENTS_H
#define BOT_ANALYZE_STATEMENTS_H

#include "config/explain.h"

/* → of the schema's tables what is needed to tell it later, as JSON */
extern const struct pg_statement analyze_sizes_statement;
/* that, how many configs were upgraded → names, quoted where needed, largest first */
extern const struct pg_statement analyze_changed_statement;

extern const struct config_explained analyze_explained[];

#endif
