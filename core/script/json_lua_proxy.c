/*
 * json_lua_proxy.c - values to JSON text as their metatables say: __jsonvalue,
 * __pairs with __jsontype or __len; see json_lua.h.
 */
#include "script/json_lua_int.h"

#include <lauxlib.h>
#include <string.h>

/* Call the function below nargs arguments. Like lua_pcall(), but for the err. */
static bool call(struct encoder *e, int nargs, int nresults,
                 const struct step *at)
{
    lua_State *L = e->L;
    const char *message;

    if (lua_pcall(L, nargs, nresults, 0) == LUA_OK)
        return true;
    message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                             : luaL_typename(L, -1);
    return json_lua_fail(e, at, "cannot serialise: %s", message);
}

/* (value, i) -> value[i] */
static int get_element(lua_State *L)
{
    lua_geti(L, 1, lua_tointeger(L, 2));
    return 1;
}

/* (value) -> #value */
static int get_length(lua_State *L)
{
    lua_pushinteger(L, luaL_len(L, 1));
    return 1;
}

static bool add_proxy_array(struct encoder *e, int index, lua_Integer n,
                            const struct step *at)
{
    lua_State *L = e->L;

    buf_addc(e->out, '[');
    for (lua_Integer i = 1; i <= n; i++) {
        lua_pushcfunction(L, get_element);
        lua_pushvalue(L, index);
        lua_pushinteger(L, i);
        if (!call(e, 2, 1, at) || !json_lua_add_element(e, i, at))
            return false;
    }
    buf_addc(e->out, ']');
    return true;
}

/* __pairs is on top of the stack. */
static bool add_proxy_object(struct encoder *e, int index,
                             const struct step *at)
{
    lua_State *L = e->L;
    int next = lua_gettop(L);

    buf_addc(e->out, '{');
    lua_pushvalue(L, index);
    if (!call(e, 1, 3, at)) /* next, state, key */
        return false;
    for (;;) {
        lua_pushvalue(L, next);
        lua_pushvalue(L, next + 1);
        lua_pushvalue(L, next + 2);
        if (!call(e, 2, 2, at)) /* …, key, value */
            return false;
        if (lua_isnil(L, -2))
            break;
        if (!json_lua_add_member(e, at)) /* next, state, old key, key */
            return false;
        lua_replace(L, next + 2);
    }
    buf_addc(e->out, '}');
    return true;
}

/* *n: the array's length; -1: an object. Leaves the stack as it is, or fails. */
static bool measure_proxy(struct encoder *e, int index, lua_Integer *n,
                          const struct step *at)
{
    lua_State *L = e->L;
    int top = lua_gettop(L);
    bool typed, array = false, has_len;

    typed = luaL_getmetafield(L, index, "__jsontype") == LUA_TSTRING;
    if (typed)
        array = strcmp(lua_tostring(L, -1), "array") == 0;
    has_len = luaL_getmetafield(L, index, "__len") != LUA_TNIL;
    lua_settop(L, top);
    *n = -1;
    if (typed ? !array : !has_len)
        return true;
    lua_pushcfunction(L, get_length);
    lua_pushvalue(L, index);
    if (!call(e, 1, 1, at))
        return false;
    *n = lua_tointeger(L, -1);
    if (!typed && *n <= 0)
        *n = -1;
    lua_settop(L, top);
    return true;
}

bool json_lua_add_by_metatable(struct encoder *e, int index, bool *found,
                               const struct step *at)
{
    lua_State *L = e->L;
    lua_Integer n;

    *found = true;
    if (luaL_getmetafield(L, index, "__jsonvalue") != LUA_TNIL) {
        lua_pushvalue(L, index);
        return call(e, 1, 1, at) && json_lua_add_value(e, lua_gettop(L), at);
    }
    if (luaL_getmetafield(L, index, "__pairs") != LUA_TNIL) {
        if (!measure_proxy(e, index, &n, at))
            return false;
        return n >= 0 ? add_proxy_array(e, index, n, at)
                      : add_proxy_object(e, index, at);
    }
    *found = false;
    return true;
}
