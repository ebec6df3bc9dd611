/* safe_sort.c - see safe_sort.h. Here is what looks at the arguments. */
#include "script/safe_sort.h"

#include <lauxlib.h>
#include <limits.h>

#include "base/embedded.h"

#define CHUNK "=table.sort" /* what errors and tracebacks call it */

extern const struct embedded script_lua[];

/* Raise with the place of the script that called table.sort, as Lua's own does: that is
 * behind the Lua functions that sort, and l_sort(). */
static int wrong_order(lua_State *L)
{
    lua_Debug ar;
    int level = 1;

    while (lua_getstack(L, level, &ar) && lua_getinfo(L, "S", &ar) &&
           *ar.what != 'C')
        level++;
    luaL_where(L, level + 1);
    lua_pushliteral(L, "invalid order function for sorting");
    lua_concat(L, 2);
    return lua_error(L);
}

static bool has(lua_State *L, const char *metamethod)
{
    if (luaL_getmetafield(L, 1, metamethod) == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

static int sorted(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

/* table.sort(t [, comparator]). Upvalues: with a comparator, with <. */
static int l_sort(lua_State *L)
{
    bool compares = !lua_isnoneornil(L, 2);
    lua_Integer n;

    if (!lua_istable(L, 1) &&
        (!has(L, "__index") || !has(L, "__newindex") || !has(L, "__len")))
        luaL_checktype(L, 1, LUA_TTABLE);
    n = luaL_len(L, 1);
    if (n < 2)
        return 0;
    luaL_argcheck(L, n < INT_MAX, 1, "array too big");
    if (compares)
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(compares ? 1 : 2));
    lua_insert(L, 1); /* sort, t, comparator */
    lua_pushinteger(L, 1);
    lua_pushinteger(L, n);
    lua_callk(L, 4, 0, 0, sorted);
    return 0;
}

/* Stack top: its text. Replaced by the function. */
static void compile(lua_State *L)
{
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);

    if (luaL_loadbufferx(L, text, n, CHUNK, "t") != LUA_OK)
        lua_error(L);
    lua_pushcfunction(L, wrong_order);
    lua_call(L, 1, 1);
    lua_replace(L, -2);
}

/* Stack top: the text. Push it with < instead of calls of lt. */
static void push_without_calls(lua_State *L)
{
    lua_getfield(L, -1, "gsub"); /* a method of strings */
    lua_pushvalue(L, -2);
    lua_pushliteral(L, "lt%((%l), (%l)%)");
    lua_pushliteral(L, "(%1 < %2)");
    lua_call(L, 3, 1);
}

void safe_sort_set(lua_State *L)
{
    struct slice text = embedded_find(script_lua, "moonpost.sort.lua");

    lua_pushlstring(L, text.p, text.n);
    push_without_calls(L);
    compile(L);
    lua_insert(L, -2);
    compile(L); /* with <, with a comparator */
    lua_insert(L, -2);
    lua_pushcclosure(L, l_sort, 2);
    lua_setfield(L, -2, "sort");
}
