/* upgrade_same.c - see upgrade_same.h. */
#include "script/upgrade_same.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/json_lua.h"
#include "script/shared.h"

static bool same_json(lua_State *L, int index, struct slice value);

static bool same_number(lua_State *L, int index, struct slice value)
{
    int64_t n;
    double d;

    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
    if (json_to_int(value, &n))
        return lua_isinteger(L, index) && lua_tointeger(L, index) == n;
    return !lua_isinteger(L, index) && json_to_double(value, &d) &&
           lua_tonumber(L, index) == d;
}

static bool same_string(lua_State *L, int index, struct slice value)
{
    struct slice raw = json_raw(value), text;

    if (lua_type(L, index) != LUA_TSTRING)
        return false;
    text.p = lua_tolstring(L, index, &text.n);
    if (!raw.n || !memchr(raw.p, '\\', raw.n))
        return raw.n == text.n && memcmp(raw.p, text.p, raw.n) == 0;
    json_push(L, value);
    lua_pushvalue(L, index);
    if (lua_rawequal(L, -1, -2)) {
        lua_pop(L, 2);
        return true;
    }
    lua_pop(L, 2);
    return false;
}

/* Push the member's value of the table at index that goes with it's. */
static void push_counterpart(lua_State *L, int index,
                             const struct json_iter *it, lua_Integer n)
{
    if (it->key.p) {
        shared_push_key(L, it->key);
        lua_rawget(L, index);
    } else {
        lua_rawgeti(L, index, n);
    }
}

bool upgrade_has_metatable(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    lua_pop(L, 1);
    return true;
}

static bool has_keys(lua_State *L, int index, lua_Integer n)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (--n < 0) {
            lua_pop(L, 1);
            return false;
        }
    }
    return n == 0;
}

static bool same_table(lua_State *L, int index, struct slice value)
{
    bool list = json_kind(value) == JSON_ARRAY, same = true;
    struct json_iter it;
    lua_Integer n = 0;

    if (!lua_istable(L, index))
        return false;
    luaL_checkstack(L, 6, "a config is nested too deep");
    json_iter_init(&it, value);
    while (same && json_iter_next(&it)) {
        push_counterpart(L, index, &it, ++n);
        same = same_json(L, lua_gettop(L), it.value);
        lua_pop(L, 1);
    }
    /* an empty list is known by its metatable */
    return same && upgrade_has_metatable(L, index) == (list && n == 0) &&
           has_keys(L, index, n);
}

static bool same_json(lua_State *L, int index, struct slice value)
{
    switch (json_kind(value)) {
    case JSON_NULL:
        return lua_islightuserdata(L, index) && !lua_touserdata(L, index);
    case JSON_BOOL:
        return lua_isboolean(L, index) &&
               lua_toboolean(L, index) == json_is_true(value);
    case JSON_NUMBER: return same_number(L, index, value);
    case JSON_STRING: return same_string(L, index, value);
    default: return same_table(L, index, value);
    }
}

/* Is it empty, as a list or map that the setting is? */
static bool is_empty(const struct setting *s, struct slice value)
{
    if (!json_is_empty(value))
        return false;
    return s->type == SETTING_LIST
               ? json_kind(value) == JSON_ARRAY
               : s->type == SETTING_MAP && json_kind(value) == JSON_OBJECT;
}

bool upgrade_same(lua_State *L, int index, const struct setting *s,
                  struct slice value)
{
    return same_json(L, index, value) ||
           (s && lua_istable(L, index) && has_keys(L, index, 0) &&
            is_empty(s, value));
}

bool upgrade_is_object(lua_State *L, int index)
{
    return lua_istable(L, index) && lua_rawlen(L, index) == 0 &&
           !upgrade_has_metatable(L, index);
}
