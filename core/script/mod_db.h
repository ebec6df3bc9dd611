/*
 * mod_db.h - what the files of the module db share: mod_db.c has the queries,
 * db_transaction.c transactions.
 */
#ifndef SCRIPT_MOD_DB_H
#define SCRIPT_MOD_DB_H

#include <lauxlib.h>

#include "script/db_desk.h"

enum db_give { DB_ROWS, DB_FIRST_ROW, DB_FIRST_VALUE, DB_COUNT };

/* Raises outside of handlers, and where there is no database. */
const struct db_desk *db_desk_of(lua_State *L);

/* Ask the SQL at 1 with the parameters after it; session NULL: the task's
 * transaction, if it has one open, or on its own. what: "db.query", static.
 * Only as: return db_ask(…)                                              [waits] */
int db_ask(lua_State *L, struct db_session *session, const char *what,
           enum db_give give);

/* Raise the error object of an op that failed; sql may be SLICE_NONE. */
int db_raise(lua_State *L, const struct db_op *op, const char *what,
             struct slice sql);
/* Push an error object with these.                                [-0, +1, m] */
void db_push_error(lua_State *L, const char *message, const char *sqlstate,
                   bool no_database);

/* db.transaction(f [, options]) -> what f returns                        [waits] */
int db_transaction(lua_State *L);

#endif
