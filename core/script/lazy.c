/* lazy.c - see lazy.h. */
#include "script/lazy.h"

#include <lauxlib.h>

#include "script/json_lua.h"

static const char text_key;  /* in a lazy table: its text */
static const char class_key; /* in the registry: the metatable */

static bool is_lazy(lua_State *L, int index)
{
    bool lazy;

    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &class_key);
    lazy = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return lazy;
}

/* Decode the lazy table at index into itself. */
static void settle(lua_State *L, int index)
{
    struct slice text;

    lua_pushnil(L);
    lua_setmetatable(L, index);
    lua_rawgetp(L, index, &text_key); /* text */
    lua_pushnil(L);
    lua_rawsetp(L, index, &text_key);
    text.p = lua_tolstring(L, -1, &text.n);
    json_push(L, text); /* text, values */
    lua_pushnil(L);
    while (lua_next(L, -2)) { /* text, values, key, value */
        lua_pushvalue(L, -2);
        lua_insert(L, -2); /* text, values, key, key, value */
        lua_rawset(L, index);
    }
    lua_pop(L, 2);
}

void lazy_settle(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (is_lazy(L, index))
        settle(L, index);
}

void lazy_push(lua_State *L, struct slice valid)
{
    if (valid.n < 2 || valid.p[0] != '{') {
        json_push(L, valid);
        return;
    }
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, valid.p, valid.n);
    lua_rawsetp(L, -2, &text_key);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &class_key);
    lua_setmetatable(L, -2);
}

/* --- metamethods: each settles, then does the plain thing ------------------------ */

static int lazy_index(lua_State *L)
{
    lazy_settle(L, 1);
    lua_settop(L, 2);
    lua_rawget(L, 1);
    return 1;
}

static int lazy_newindex(lua_State *L)
{
    lazy_settle(L, 1);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static int lazy_len(lua_State *L)
{
    lazy_settle(L, 1);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
}

static int plain_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lazy_settle(L, 1);
    lua_settop(L, 2);
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

static int lazy_pairs(lua_State *L)
{
    lazy_settle(L, 1);
    lua_pushcfunction(L, plain_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int lazy_value(lua_State *L)
{
    lazy_settle(L, 1);
    lua_settop(L, 1);
    return 1;
}

static const luaL_Reg metamethods[] = {
    { "__index", lazy_index },     { "__newindex", lazy_newindex },
    { "__len", lazy_len },         { "__pairs", lazy_pairs },
    { "__jsonvalue", lazy_value }, { NULL, NULL },
};

void lazy_open(lua_State *L)
{
    luaL_newlib(L, metamethods);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &class_key);
}

/* --- the raw functions of scripts --------------------------------------------------- */

static int l_rawget(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    return lazy_index(L);
}

static int l_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    json_check_writable(L, 1);
    lazy_newindex(L);
    lua_settop(L, 1);
    return 1;
}

static int l_rawlen(lua_State *L)
{
    luaL_argexpected(L, lua_istable(L, 1) || lua_isstring(L, 1), 1,
                     "table or string");
    return lazy_len(L);
}

static const luaL_Reg functions[] = {
    { "next", plain_next }, { "rawget", l_rawget }, { "rawset", l_rawset },
    { "rawlen", l_rawlen }, { NULL, NULL },
};

void lazy_set_functions(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
