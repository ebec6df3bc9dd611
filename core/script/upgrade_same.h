/*
 * upgrade_same.h - is a Lua value what a JSON text says? Without decoding it.
 */
#ifndef SCRIPT_UPGRADE_SAME_H
#define SCRIPT_UPGRADE_SAME_H

#include <lua.h>

#include "config/schema.h"

/* Is the value at index the same as value? Of a setting (s; or NULL: of none), {}
 * and [] mean what the setting is: Lua has one empty table.        [-0, +0, m] */
bool upgrade_same(lua_State *L, int index, const struct setting *s,
                  struct slice value);

/* Is it a table that is no list? An empty list is known by its metatable. */
bool upgrade_is_object(lua_State *L, int index);
bool upgrade_has_metatable(lua_State *L, int index);

#endif
