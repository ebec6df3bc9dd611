/* concat.c - see concat.h. */
#include "script/concat.h"

#include <lauxlib.h>

#include "script/task.h"

static int resumed(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 1;
}

/* Stack top: the result. */
static int leave(lua_State *L, int status, lua_KContext ctx)
{
    (void)ctx;
    if (status == LUA_YIELD || !task_find(L))
        return 1; /* luaV_concat() is gone; or this is the main thread */
    task_fiber(L)->again = true;
    return lua_yieldk(L, 0, 0, resumed);
}

static bool is_allowed(lua_State *L)
{
    lua_Debug ar;

    return task_find(L) ? lua_isyieldable(L)
                        : !lua_getstack(L, CONCAT_LEVELS, &ar);
}

/* Upvalue: the script's. */
static int guarded(lua_State *L)
{
    if (!is_allowed(L))
        return luaL_error(L, "these can't be joined by .. here: %s",
                          task_find(L)
                              ? "inside a function that was called from C "
                                "(__tostring, a message handler of xpcall)"
                              : "too many functions have called each other");
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, 2, 1, 0, leave);
    return leave(L, LUA_OK, 0);
}

void concat_wrap(lua_State *L, int metatable)
{
    metatable = lua_absindex(L, metatable);
    lua_pushliteral(L, "__concat");
    if (lua_rawget(L, metatable) != LUA_TNIL &&
        lua_tocfunction(L, -1) != guarded) {
        lua_pushliteral(L, "__concat");
        lua_pushvalue(L, -2);
        lua_pushcclosure(L, guarded, 1);
        lua_rawset(L, metatable);
    }
    lua_pop(L, 1);
}
