/* ctx_has.h - ctx:has(filter or filters) -> boolean. */
#ifndef SCRIPT_CTX_HAS_H
#define SCRIPT_CTX_HAS_H

#include <lua.h>

int ctx_has(lua_State *L);

#endif
