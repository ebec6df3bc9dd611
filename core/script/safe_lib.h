/*
 * safe_lib.h - bounds for functions of Lua's libraries that loop in C.
 *
 * The watchdog's hook does not run in C, so what could loop there for ever, or for
 * very long, is looked at first: string.rep of nothing, moving 2^60 elements. Where
 * many are to be moved that is done in Lua, which gives way.
 */
#ifndef SCRIPT_SAFE_LIB_H
#define SCRIPT_SAFE_LIB_H

#include <lua.h>

/* Elements that one table.insert, remove or move may move. */
#define SAFE_MOVES_MAX (1 << 24)

void safe_lib_open(lua_State *L); /* once for a state, after luaL_openlibs() */

#endif
