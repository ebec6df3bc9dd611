/*
 * raised.h - what is told of an error that is no text: error({ code = 1 }).
 */
#ifndef SCRIPT_RAISED_H
#define SCRIPT_RAISED_H

#include <lua.h>

#include "base/buf.h"

/* Would it be told by its address, or as "nil" or "false"? */
bool raised_is_no_text(lua_State *L, int index);

/*
 * Append "raised a table, not a text: { code = 1 }": one line, about 200 bytes, two
 * tables deep, keys sorted. Runs nothing of a script's, allocates nothing in Lua and
 * never raises.                                                   [-0, +0, -]
 */
void raised_add(lua_State *L, int index, struct buf *out);

#endif
