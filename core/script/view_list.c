/*
 * view_list.c - lists and maps in a config view: read like tables, changed in
 * place, stored as a whole. See view_int.h.
 *
 * When the config is read anew, a list or map of a setting stays the same table
 * and gets the new value, so that one held in a local is never the old one.
 * Tables in it are made anew; assigning to those of before raises.
 */
#include <string.h>

#include "script/raise.h"
#include "script/view_int.h"

/* Is the table a list, whatever it holds? Its values have the array metatable then. */
static bool is_list(lua_State *L, int values)
{
    if (!lua_getmetatable(L, values))
        return false;
    lua_pop(L, 1);
    return true;
}

/* Push the metatable of the list or map that the table with mt is in, or is. */
static void push_owner(lua_State *L, int mt)
{
    if (lua_rawgeti(L, mt, OWNER) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_pushvalue(L, mt);
}

/* Push DIRTY, made if there is none yet. */
static void push_dirty(lua_State *L, int view)
{
    if (lua_getiuservalue(L, view, DIRTY) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, view, DIRTY);
}

void view_mark_dirty(lua_State *L, int mt)
{
    int top = lua_gettop(L);
    struct view *v = view_push_of(L, mt);

    push_dirty(L, top + 1);
    push_owner(L, mt); /* view, dirty, owner */
    if (view_slot_state(L, top + 3) == 0) {
        v->dirty = true;
        lua_pushboolean(L, true);
        lua_rawset(L, -3);
    }
    lua_settop(L, top);
}

bool view_is_dirty(lua_State *L, int view, int proxy)
{
    int top = lua_gettop(L);
    bool dirty = false;

    if (lua_getiuservalue(L, view, DIRTY) == LUA_TTABLE) {
        lua_getmetatable(L, proxy);
        dirty = lua_rawget(L, -2) != LUA_TNIL;
    }
    lua_settop(L, top);
    return dirty;
}

void view_detach(lua_State *L, int view, int index)
{
    int top = lua_gettop(L);

    if (lua_istable(L, index) && lua_getmetatable(L, index)) {
        lua_pushinteger(L, REPLACED);
        lua_rawseti(L, -2, STATE);
        push_dirty(L, view); /* mt, dirty */
        lua_insert(L, -2);
        lua_pushnil(L); /* dirty, mt, nil */
        lua_rawset(L, -3);
    }
    lua_settop(L, top);
}

/* --- assigning ------------------------------------------------------------------- */

static void check_list_key(lua_State *L, int values, const struct setting *node)
{
    const char *path;
    int is_int;
    lua_Integer i = lua_tointegerx(L, 2, &is_int);
    lua_Integer n = (lua_Integer)lua_rawlen(L, values);

    is_int = is_int && lua_type(L, 2) == LUA_TNUMBER;
    if (is_int && i >= (lua_isnil(L, 3) ? n : 1) && i >= 1 && i <= n + 1)
        return;
    path = view_push_path(L, node);
    if (is_int && i >= 1 && i < n)
        luaL_error(L,
                   "%s[%d] = nil would leave a gap: table.remove() takes one "
                   "out of a list",
                   path, (int)i);
    luaL_error(L, "%s is a list of %d: only [1] to [%d] can be assigned", path,
               (int)n, (int)n + 1);
}

static void check_key(lua_State *L, int values, const struct setting *node)
{
    struct slice key;
    struct err err = ERR_INIT;

    if (is_list(L, values)) {
        check_list_key(L, values, node);
        return;
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_error(L, "%s: keys must be strings", view_push_path(L, node));
    key.p = lua_tolstring(L, 2, &key.n);
    if (memchr(key.p, '\0', key.n))
        luaL_error(L, "%s: a key in a config can't hold a NUL byte",
                   view_push_path(L, node));
    if (!json_add_string(json_push_buf(L), key, &err))
        luaL_error(L, "%s: a key: %s", view_push_path(L, node), err.text);
    lua_pop(L, 1);
}

/* The new element at 3 as JSON. */
static struct buf *push_element(lua_State *L, const struct setting *node)
{
    struct buf *json =
        view_push_json(L, node->element ? node->element : node, 3);
    struct err err = ERR_INIT;

    if (!setting_check_element(node, buf_slice(json), &err)) {
        raise_push_where(L);
        lua_pushfstring(L, "config.%s", err.text);
        lua_concat(L, 2);
        lua_error(L);
    }
    return json;
}

static void push_decoded(lua_State *L, int view, const struct setting *node,
                         struct slice json, int owner, int parent);

/* Is the value at 3 a table that is in this very list? table.insert(), remove() and
 * sort() move those, and who holds one must not lose it. */
static bool is_moved(lua_State *L, int mt, int values)
{
    bool moved;

    if (!lua_istable(L, 3) || !is_list(L, values) || !lua_getmetatable(L, 3))
        return false;
    lua_rawgeti(L, -1, PARENT);
    moved =
        lua_rawequal(L, -1, mt) && view_slot_state(L, lua_gettop(L) - 1) == 0;
    lua_pop(L, 2);
    return moved;
}

/* Is the value at 3 the same when it has been JSON? */
static bool is_itself(lua_State *L)
{
    return lua_type(L, 3) == LUA_TSTRING || lua_isboolean(L, 3) ||
           lua_isinteger(L, 3);
}

/* Push what is to be put in for the value at 3. */
static void push_new(lua_State *L, int mt, int values,
                     const struct setting *node)
{
    int top = lua_gettop(L);
    struct buf *json;

    if (lua_isnil(L, 3) || is_moved(L, mt, values)) {
        lua_pushvalue(L, 3);
        return;
    }
    json = push_element(L, node);
    if (is_itself(L)) {
        lua_settop(L, top);
        lua_pushvalue(L, 3);
        return;
    }
    lua_settop(L, top + 2); /* what json is in */
    push_owner(L, mt);
    view_push_of(L, mt);
    push_decoded(L, top + 4, node, buf_slice(json), top + 3, mt);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

static int container_newindex(lua_State *L)
{
    int mt = view_mt(L), values;
    const struct setting *node;

    view_check_alive(L, view_of(L, mt));
    node = view_node(L, mt);
    if (view_slot_state(L, mt) == STALE)
        return luaL_error(L,
                          "this table is no part of %s any more: the config "
                          "was read anew, take it from there again",
                          view_push_path(L, node));
    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    check_key(L, values, node);
    lua_pushvalue(L, 2);
    push_new(L, mt, values, node);
    lua_rawset(L, values);
    view_mark_dirty(L, mt);
    return 0;
}

/* --- making them ------------------------------------------------------------------- */

static const luaL_Reg container_metamethods[] = {
    { "__newindex", container_newindex },
    { "__len", view_proxy_len },
    { "__pairs", view_proxy_pairs },
    { "__jsonvalue", view_proxy_jsonvalue },
    { NULL, NULL },
};

/* The setting of a table within a list or map. */
static const struct setting *inner_node(const struct setting *node)
{
    const struct setting *e = node->element;

    return e && (e->type == SETTING_LIST || e->type == SETTING_MAP) ? e : node;
}

static void wrap(lua_State *L, int view, const struct setting *node, int owner,
                 int parent);

/* The decoded values of the list or map with mt: lists are marked, and the tables
 * in them become proxies. */
static void prepare(lua_State *L, int view, const struct setting *node,
                    int values, int owner, int mt)
{
    bool list = lua_rawlen(L, values) > 0 || is_list(L, values);

    luaL_checkstack(L, 12, "a config is nested too deep");
    if (list)
        json_push_array_mt(L);
    else
        lua_pushnil(L);
    lua_setmetatable(L, values);
    lua_pushnil(L);
    while (lua_next(L, values)) { /* …, key, value */
        if (lua_istable(L, -1)) {
            wrap(L, view, inner_node(node), owner, mt);
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, values);
        } else {
            lua_pop(L, 1);
        }
    }
}

/* The decoded table at the top becomes a proxy. owner and parent: metatables'
 * indices; 0: it is a setting's value. */
static void wrap(lua_State *L, int view, const struct setting *node, int owner,
                 int parent)
{
    int values = lua_gettop(L), mt;

    luaL_checkstack(L, 12, "a config is nested too deep");
    lua_pushvalue(L, values);
    view_push_proxy(L, view, node, container_metamethods); /* values, proxy */
    lua_getmetatable(L, -1);                               /* …, mt */
    mt = lua_gettop(L);
    if (owner) {
        lua_pushvalue(L, owner);
        lua_rawseti(L, mt, OWNER);
        lua_pushvalue(L, parent);
        lua_rawseti(L, mt, PARENT);
    }
    prepare(L, view, node, values, owner ? owner : mt, mt);
    lua_pop(L, 1);
    lua_replace(L, values);
}

static void push_decoded(lua_State *L, int view, const struct setting *node,
                         struct slice json, int owner, int parent)
{
    json_push(L, json);
    if (lua_istable(L, -1))
        wrap(L, view, parent ? inner_node(node) : node, owner, parent);
}

void view_push_container(lua_State *L, int view, const struct setting *node,
                         struct slice json)
{
    push_decoded(L, view, node, json, 0, 0);
}

/* The proxies among the values, and those within them, are no part of the config
 * any more. */
static void mark_stale(lua_State *L, int values)
{
    luaL_checkstack(L, 8, "a config is nested too deep");
    lua_pushnil(L);
    while (lua_next(L, values)) {
        if (lua_istable(L, -1) && lua_getmetatable(L, -1)) {
            lua_pushinteger(L, STALE);
            lua_rawseti(L, -2, STATE);
            lua_rawgeti(L, -1, VALUES);
            mark_stale(L, lua_gettop(L));
            lua_pop(L, 2);
        }
        lua_pop(L, 1);
    }
}

void view_refill_container(lua_State *L, int view, int index, struct slice json)
{
    const struct setting *node;
    int top = lua_gettop(L), mt;

    lua_getmetatable(L, index);
    mt = top + 1;
    node = view_node(L, mt);
    lua_rawgeti(L, mt, VALUES);
    mark_stale(L, top + 2);
    json_push(L, json);
    prepare(L, view, node, top + 3, mt, mt);
    view_set_values(L, mt);
    lua_settop(L, top);
}
