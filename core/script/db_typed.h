/* db_typed.h - for db_values.c: a value as PostgreSQL writes it, by its type. */
#ifndef SCRIPT_DB_TYPED_H
#define SCRIPT_DB_TYPED_H

#include <lua.h>

#include "base/buf.h"

#define DB_ARRAY_MT "moonpost.db.array"

void db_push_array_mt(
    lua_State *L); /* of db.array{ … }           [-0, +1, m] */

/* text has a NUL after its end. Types that are not known, and what does not look
 * as expected, become strings.                                    [-0, +1, m] */
void db_push_typed(lua_State *L, unsigned type, struct slice text);

#endif
