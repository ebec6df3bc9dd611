/*
 * db_values.h - Lua values as parameters of SQL, and rows as Lua tables.
 *
 *   nil, db.null   NULL                 int2, int4, int8   integers, exact
 *   booleans       true, false          float4, float8     floats
 *   integers       exact                numeric            an integer if it is one and
 *   floats         3.0 is sent as 3                        fits, else a float
 *   strings        as they are          bool               booleans
 *   db.bytes(s)    bytea                json, jsonb        decoded
 *   db.array{ … }  an array             bytea              a string
 *   other tables   JSON                 timestamptz        seconds since 1970
 *                                       arrays             lists, NULL is db.null in them
 *                                       all else           as text
 *                                       NULL               nil: not in the row
 */
#ifndef SCRIPT_DB_VALUES_H
#define SCRIPT_DB_VALUES_H

#include <lua.h>

#include "io/pg_text.h"

/* Push a userdata that holds the n values at first … as parameters, and give them.
 * Raises what can't be one: "$2: …".                              [-0, +1, v] */
struct slice *db_push_params(lua_State *L, const char *what, int first, int n);

/* Push row after row as a table: rows [from, to).  *at: 0 before the first one.
 *                                                                 [-0, +1, m] */
void db_push_row(lua_State *L, const struct pg_answer *answer, size_t *at);
/* The first column of the first row, or nil.                      [-0, +1, m] */
void db_push_value(lua_State *L, const struct pg_answer *answer);

int db_array(
    lua_State *L); /* db.array{ … } -> a list that is sent as an array */
int db_bytes(lua_State *L); /* db.bytes(s) -> what is sent as bytea */

#endif
