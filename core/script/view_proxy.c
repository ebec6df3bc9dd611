/* view_proxy.c - what all tables of a config view share. See view_int.h. */
#include <string.h>

#include "script/view_int.h"

int view_mt(lua_State *L)
{
    if (!lua_getmetatable(L, 1))
        luaL_error(L, "a config table is expected");
    return lua_gettop(L);
}

const struct setting *view_node(lua_State *L, int mt)
{
    const struct setting *node;

    lua_rawgeti(L, mt, NODE);
    node = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return node;
}

struct view *view_push_of(lua_State *L, int mt)
{
    lua_rawgeti(L, mt, VIEW);
    return lua_touserdata(L, -1);
}

struct view *view_of(lua_State *L, int mt)
{
    struct view *v = view_push_of(L, mt);

    lua_pop(L, 1);
    return v;
}

int view_slot_state(lua_State *L, int mt)
{
    int state;

    lua_rawgeti(L, mt, STATE);
    state = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return state;
}

bool view_has_ended(const struct view *v)
{
    return v->ref == LUA_NOREF;
}

void view_check_alive(lua_State *L, const struct view *v)
{
    if (view_has_ended(v))
        luaL_error(L, "this config belongs to an update that is done; use "
                      "ctx.config of the present one");
}

void view_add_path(const struct setting *node, struct buf *out)
{
    buf_adds(out, "config");
    if (node->parent)
        buf_addc(out, '.');
    setting_path(node, out);
}

const char *view_push_path(lua_State *L, const struct setting *node)
{
    struct buf *path = json_push_buf(L);

    view_add_path(node, path);
    return path->data;
}

void view_set_values(lua_State *L, int mt)
{
    lua_pushvalue(L, -1);
    lua_rawseti(L, mt, VALUES);
    lua_pushliteral(L, "__index");
    lua_insert(L, -2);
    lua_rawset(L, mt);
}

void view_push_proxy(lua_State *L, int view, const struct setting *node,
                     const luaL_Reg *metamethods)
{
    int values = lua_gettop(L), mt;

    lua_createtable(L, 0, 0);
    lua_createtable(L, 5, 4); /* values, proxy, mt */
    mt = lua_gettop(L);
    for (const luaL_Reg *m = metamethods; m->name; m++) {
        lua_pushcfunction(L, m->func);
        lua_setfield(L, mt, m->name);
    }
    lua_pushboolean(L, false);
    lua_setfield(L, mt, "__metatable");
    lua_pushvalue(L, view);
    lua_rawseti(L, mt, VIEW);
    lua_pushlightuserdata(L, (void *)node);
    lua_rawseti(L, mt, NODE);
    lua_pushvalue(L, values);
    view_set_values(L, mt);
    lua_setmetatable(L, -2); /* values, proxy */
    lua_remove(L, values);
}

int view_proxy_len(lua_State *L)
{
    lua_rawgeti(L, view_mt(L), VALUES);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
    return 1;
}

/* The iterator of pairs(): upvalue 1 is the values. */
static int values_next(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_next(L, lua_upvalueindex(1)))
        return 2;
    lua_pushnil(L);
    return 1;
}

int view_proxy_pairs(lua_State *L)
{
    lua_rawgeti(L, view_mt(L), VALUES);
    lua_pushcclosure(L, values_next, 1);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

int view_proxy_jsonvalue(lua_State *L)
{
    lua_rawgeti(L, view_mt(L), VALUES);
    return 1;
}

struct buf *view_push_json(lua_State *L, const struct setting *node, int index)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct buf *json = json_push_buf(L), *shaped;
    struct err err = ERR_INIT;

    if (!json_add_lua(L, index, &options, json, &err))
        luaL_error(L, "%s: %s", view_push_path(L, node), err.text);
    if (*json->data != '{' && *json->data != '[')
        return json;
    shaped = json_push_buf(L); /* {} is how Lua writes an empty list too */
    setting_add_shaped(node, buf_slice(json), shaped);
    return shaped;
}
