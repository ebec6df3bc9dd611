/* view_assign.c - assigning to sections of a config view: checked here. See
 * view_int.h. */
#include "script/lazy.h"
#include "script/shared.h"
#include "script/view_int.h"

void view_own_values(lua_State *L, int mt)
{
    int values, copy;

    if (lua_rawgeti(L, mt, SHARED) == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    lua_newtable(L);
    copy = lua_gettop(L);
    if (lua_getmetatable(L, values))
        lua_setmetatable(L, copy);
    lua_pushnil(L);
    while (lua_next(L, values)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, copy);
    }
    view_set_values(L, mt);
    lua_pushnil(L);
    lua_rawseti(L, mt, SHARED);
    lua_pop(L, 2);
}

void view_push_value(lua_State *L, int view, const struct setting *node,
                     struct slice json)
{
    if (node->type == SETTING_LIST || node->type == SETTING_MAP) {
        view_push_container(L, view, node, json);
        return;
    }
    shared_push_json(L, json);
    if (lua_islightuserdata(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

static int no_such_setting(lua_State *L, const struct setting *node,
                           const char *key)
{
    struct buf *text = json_push_buf(L);

    view_add_path(node, text);
    buf_addf(text, " has no setting \"%s\"; it has ", key);
    for (size_t i = 0; i < node->nchildren; i++)
        buf_addf(text, "%s%s", i ? ", " : "", node->children[i]->name);
    if (!node->nchildren)
        buf_adds(text, "none");
    return luaL_error(L, "%s", text->data);
}

/* The value at index as the leaf's new one, in JSON; raises if it does not fit. */
static struct buf *push_checked(lua_State *L, const struct setting *leaf,
                                int index)
{
    struct buf *json = view_push_json(L, leaf, index);
    struct err err = ERR_INIT;

    if (!setting_check(leaf, buf_slice(json), &err))
        luaL_error(L, "config.%s", err.text);
    return json;
}

/* Assign the value at 3 to the leaf; mt is of its section. */
static void assign_leaf(lua_State *L, int mt, const struct setting *leaf)
{
    struct view *v;
    int view, values;
    struct buf *path;
    struct slice value = SLICE_NONE;

    view_own_values(L, mt);
    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    v = view_push_of(L, mt);
    view = lua_gettop(L);
    lua_pushstring(L, leaf->name);
    lua_rawget(L, values);
    if (lua_istable(L, -1) && lua_rawequal(L, -1, 3)) {
        lua_getmetatable(L, -1); /* itself: it stays the one that is changed */
        view_mark_dirty(L, lua_gettop(L));
        return;
    }
    if (!lua_isnil(L, 3))
        value = buf_slice(push_checked(L, leaf, 3));
    path = json_push_buf(L);
    setting_path(leaf, path);
    lua_pushstring(L, leaf->name);
    view_push_value(L, view, leaf, value.p ? value : slice_of(leaf->def));
    view_detach(L, view, view + 1);
    lua_rawset(L, values);
    config_patch_set(&v->patch, path->data, value);
}

/* A section of a config can be assigned to the same section of another one. */
static bool is_same_section(lua_State *L, const struct setting *section,
                            int index)
{
    bool same;

    if (!lua_getmetatable(L, index))
        return false;
    lua_rawgeti(L, -1, NODE);
    same = lua_touserdata(L, -1) == section;
    lua_pop(L, 2);
    return same;
}

/* Does the value at index fit a section, all the way down? Raises if not, before
 * anything of it is assigned. */
static void check_section(lua_State *L, const struct setting *section,
                          int index)
{
    luaL_checkstack(L, 12, "a config is nested too deep");
    if (lua_isnil(L, index) || is_same_section(L, section, index))
        return;
    if (!lua_istable(L, index))
        luaL_error(L, "%s is a section: it must be a table, got %s",
                   view_push_path(L, section), luaL_typename(L, index));
    lazy_settle(L, index);
    if (lua_getmetatable(L, index)) /* it may hide what there is */
        luaL_error(L, "%s is a section: it must be a plain table",
                   view_push_path(L, section));
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const struct setting *child = NULL;
        int value = lua_gettop(L);

        if (lua_type(L, -2) == LUA_TSTRING)
            child = setting_child(section, slice_of(lua_tostring(L, -2)));
        if (!child)
            no_such_setting(L, section, luaL_tolstring(L, -2, NULL));
        else if (child->type == SETTING_SECTION)
            check_section(L, child, value);
        else
            push_checked(L, child, value);
        lua_settop(L, value - 1);
    }
}

/* config.welcome = { … }: what it names is set, the rest goes to its default. */
static void assign_section(lua_State *L, const struct setting *section)
{
    check_section(L, section, 3);
    lua_getfield(L, 1, section->name); /* its proxy */
    if (lua_rawequal(L, -1, 3))
        return; /* itself */
    for (size_t i = 0; i < section->nchildren; i++) {
        if (lua_istable(L, 3))
            lua_getfield(L, 3, section->children[i]->name);
        else
            lua_pushnil(L);
        lua_setfield(L, -2, section->children[i]->name);
    }
    lua_pop(L, 1);
}

static int assign(lua_State *L, int status, lua_KContext ctx)
{
    const struct setting *child = (const struct setting *)ctx;

    (void)status;
    lua_settop(L, 3);
    if (child->type == SETTING_SECTION)
        assign_section(L, child);
    else
        assign_leaf(L, view_mt(L), child);
    return 0;
}

int view_section_newindex(lua_State *L)
{
    int mt = view_mt(L);
    const struct setting *node, *child = NULL;
    struct slice key;
    struct view *v = view_of(L, mt);

    view_check_alive(L, v);
    node = view_node(L, mt);
    if (lua_type(L, 2) == LUA_TSTRING) {
        key.p = lua_tolstring(L, 2, &key.n);
        child = setting_child(node, key);
    }
    if (!child)
        return no_such_setting(L, node, luaL_tolstring(L, 2, NULL));
    return view_load(L, v, child, (lua_KContext)child, assign);
}
