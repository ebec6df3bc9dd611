/* doctor_statements.h - the SQL of `moonpost doctor`. Nothing is written. */
#ifndef BOT_DOCTOR_STATEMENTS_H
#define BOT_DOCTOR_STATEMENTS_H

#include "config/explain.h"

/*
 * → version, version number, role, database, schema or NULL, backend's process,
 * clock (ms since 1970), read-only?, connections for ordinary roles, used, the role's
 * limit (-1: none), used by it, the database's limit, used of it
 */
extern const struct pg_statement doctor_server_statement;
/* names as an array → those that are nothing in the search path, one a row */
extern const struct pg_statement doctor_missing_statement;
/* → the newest file of moonpost's that has run, or NULL. Needs the table. */
extern const struct pg_statement doctor_newest_statement;
/* → indices in our schema that are not valid, one a row */
extern const struct pg_statement doctor_invalid_statement;
/* version → rows below it, rows above it; 100,001 is "more". Needs the table. */
extern const struct pg_statement doctor_versions_statement;
/* channel, payload */
extern const struct pg_statement doctor_notify_statement;

extern const struct config_explained doctor_explained[];

#endif
