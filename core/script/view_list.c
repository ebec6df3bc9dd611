/*
 * view_list.c - lists and maps in a config view: read like tables, changed in
 * place, stored as a whole. See view_int.h.
 */
#include "script/view_int.h"

/* Is the table a list, whatever it holds? Its values have the array metatable then. */
static bool is_list(lua_State *L, int values)
{
    if (!lua_getmetatable(L, values))
        return false;
    lua_pop(L, 1);
    return true;
}

void view_mark_dirty(lua_State *L, int mt)
{
    int top = lua_gettop(L);
    struct view *v = view_push_of(L, mt); /* view */

    lua_getiuservalue(L, -1, DIRTY); /* view, dirty */
    if (lua_rawgeti(L, mt, OWNER) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushvalue(L, mt);
    }
    if (lua_rawgeti(L, -1, DETACHED) == LUA_TNIL) {
        v->dirty = true;
        lua_pop(L, 1);
        lua_pushboolean(L, true); /* view, dirty, owner, true */
        lua_rawset(L, -3);
    }
    lua_settop(L, top);
}

void view_detach(lua_State *L, int view, int index)
{
    int top = lua_gettop(L);

    if (lua_istable(L, index) && lua_getmetatable(L, index)) {
        lua_pushboolean(L, true);
        lua_rawseti(L, -2, DETACHED);
        lua_getiuservalue(L, view, DIRTY); /* mt, dirty */
        lua_insert(L, -2);
        lua_pushnil(L); /* dirty, mt, nil */
        lua_rawset(L, -3);
    }
    lua_settop(L, top);
}

static void check_list_key(lua_State *L, int values, const struct setting *node)
{
    struct buf *path;
    int is_int;
    lua_Integer i = lua_tointegerx(L, 2, &is_int);
    lua_Integer n = (lua_Integer)lua_rawlen(L, values);

    is_int = is_int && lua_type(L, 2) == LUA_TNUMBER;
    if (is_int && i >= (lua_isnil(L, 3) ? n : 1) && i >= 1 && i <= n + 1)
        return;
    path = json_push_buf(L);
    view_add_path(node, path);
    if (is_int && i >= 1 && i < n)
        luaL_error(L,
                   "%s[%d] = nil would leave a gap: table.remove() takes one "
                   "out of a list",
                   path->data, (int)i);
    luaL_error(L, "%s is a list of %d: only [1] to [%d] can be assigned",
               path->data, (int)n, (int)n + 1);
}

static void key_error(lua_State *L, const struct setting *node)
{
    struct buf *path = json_push_buf(L);

    view_add_path(node, path);
    luaL_error(L, "%s: keys must be strings", path->data);
}

/* The new element at 3 as JSON. */
static struct buf *push_element(lua_State *L, const struct setting *node)
{
    struct buf *json = view_push_json(L, node, 3);
    struct err err = ERR_INIT;

    if (!setting_storable(node, buf_slice(json), &err))
        luaL_error(L, "config.%s", err.text);
    return json;
}

static int container_newindex(lua_State *L)
{
    int mt = view_mt(L), view, values;
    const struct setting *node = view_node(L, mt);
    struct buf *json;

    view_check_alive(L, view_of(L, mt));
    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    if (is_list(L, values))
        check_list_key(L, values, node);
    else if (lua_type(L, 2) != LUA_TSTRING)
        key_error(L, node);
    view_push_of(L, mt);
    view = lua_gettop(L);
    lua_pushvalue(L, 2);
    if (lua_isnil(L, 3)) {
        lua_pushnil(L);
    } else {
        json = push_element(L, node);
        if (lua_rawgeti(L, mt, OWNER) == LUA_TNIL)
            lua_pushvalue(L, mt);
        view_push_value(L, view, node, buf_slice(json), lua_gettop(L));
        lua_replace(L, view + 2); /* values, view, key, value, … */
        lua_settop(L, view + 2);
    }
    lua_rawset(L, values);
    view_mark_dirty(L, mt);
    return 0;
}

static const luaL_Reg container_metamethods[] = {
    { "__newindex", container_newindex },
    { "__len", view_proxy_len },
    { "__pairs", view_proxy_pairs },
    { "__jsonvalue", view_proxy_jsonvalue },
    { NULL, NULL },
};

/* The decoded table at the top becomes a proxy, and the tables in it too. */
static void wrap_container(lua_State *L, int view, const struct setting *node,
                           bool list, int owner)
{
    int values = lua_gettop(L), proxy;

    luaL_checkstack(L, 12, "a config is nested too deep");
    if (list)
        json_push_array_mt(L);
    else
        lua_pushnil(L);
    lua_setmetatable(L, values);
    lua_pushvalue(L, values);
    view_push_proxy(L, view, node, container_metamethods); /* values, proxy */
    proxy = lua_gettop(L);
    lua_getmetatable(L, proxy); /* values, proxy, mt */
    if (owner) {
        lua_pushvalue(L, owner);
        lua_rawseti(L, -2, OWNER);
    } else {
        owner = lua_gettop(L);
    }
    lua_pushnil(L);
    while (lua_next(L, values)) { /* …, key, value */
        if (lua_istable(L, -1)) {
            bool inner = lua_rawlen(L, -1) > 0 || is_list(L, lua_gettop(L));

            wrap_container(L, view, node, inner, owner);
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, values);
        } else {
            lua_pop(L, 1);
        }
    }
    lua_settop(L, proxy);
    lua_replace(L, values);
}

void view_push_value(lua_State *L, int view, const struct setting *node,
                     struct slice json, int owner)
{
    json_push(L, json);
    if (lua_istable(L, -1))
        wrap_container(L, view, node, json.p[0] == '[', owner);
}
