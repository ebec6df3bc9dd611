/*
 * view_section.c - sections of a config view: assignments are checked here.
 * See view_int.h.
 */
#include "script/view_int.h"

void view_fill_section(lua_State *L, int view, int values,
                       const struct setting *node)
{
    struct view *v = lua_touserdata(L, view);
    struct slice overrides = v->config->text, value;
    bool set;

    for (size_t i = 0; i < node->nchildren; i++) {
        const struct setting *s = node->children[i];

        if (s->type == SETTING_SECTION)
            continue;
        value = setting_value(s, overrides, &set);
        view_push_value(L, view, s, value, 0);
        lua_setfield(L, values, s->name);
    }
}

/* __index of a section's values: a section in it, made now. Upvalues: view, node. */
static int section_child(lua_State *L)
{
    const struct setting *node = lua_touserdata(L, lua_upvalueindex(2));
    const struct setting *child;
    struct slice key;

    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    view_check_alive(L, lua_touserdata(L, lua_upvalueindex(1)));
    key.p = lua_tolstring(L, 2, &key.n);
    child = setting_child(node, key);
    if (!child || child->type != SETTING_SECTION)
        return 0;
    lua_pushvalue(L, lua_upvalueindex(1));
    view_push_section(L, lua_gettop(L), child);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
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

    /* {} is how Lua writes an empty list too. */
    if (leaf->type == SETTING_LIST && slice_eq(buf_slice(json), "{}")) {
        buf_reset(json);
        buf_adds(json, "[]");
    }
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

    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    v = view_push_of(L, mt);
    view = lua_gettop(L);
    lua_getfield(L, values, leaf->name);
    if (lua_istable(L, -1) && lua_rawequal(L, -1, 3)) {
        lua_getmetatable(L, -1); /* itself: it stays the one that is changed */
        view_mark_dirty(L, lua_gettop(L));
        return;
    }
    if (!lua_isnil(L, 3))
        value = buf_slice(push_checked(L, leaf, 3));
    view_detach(L, view, view + 1);
    path = json_push_buf(L);
    setting_path(leaf, path);
    config_patch_set(&v->patch, path->data, value);
    view_push_value(L, view, leaf, value.p ? value : slice_of(leaf->def), 0);
    lua_setfield(L, values, leaf->name);
}

/* Does the value at index fit a section, all the way down? Raises if not, before
 * anything of it is assigned. */
static void check_section(lua_State *L, const struct setting *section,
                          int index)
{
    struct buf *path;

    luaL_checkstack(L, 12, "a config is nested too deep");
    if (lua_isnil(L, index))
        return;
    if (!lua_istable(L, index)) {
        path = json_push_buf(L);
        view_add_path(section, path);
        luaL_error(L, "%s is a section: it must be a table, got %s", path->data,
                   luaL_typename(L, index));
    }
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

static int section_newindex(lua_State *L)
{
    int mt = view_mt(L);
    const struct setting *node = view_node(L, mt), *child = NULL;
    struct slice key;

    view_check_alive(L, view_of(L, mt));
    if (lua_type(L, 2) == LUA_TSTRING) {
        key.p = lua_tolstring(L, 2, &key.n);
        child = setting_child(node, key);
    }
    if (!child)
        return no_such_setting(L, node, luaL_tolstring(L, 2, NULL));
    if (child->type == SETTING_SECTION)
        assign_section(L, child);
    else
        assign_leaf(L, mt, child);
    return 0;
}

static int section_pairs(lua_State *L)
{
    int mt = view_mt(L);
    const struct setting *node = view_node(L, mt);

    if (view_has_ended(view_of(L, mt)))
        return view_proxy_pairs(L); /* what has been read of it */
    for (size_t i = 0; i < node->nchildren; i++) {
        lua_getfield(L, 1, node->children[i]->name); /* makes sections */
        lua_pop(L, 1);
    }
    return view_proxy_pairs(L);
}

static int section_jsonvalue(lua_State *L)
{
    section_pairs(L);
    lua_settop(L, 1);
    return view_proxy_jsonvalue(L);
}

static const luaL_Reg section_metamethods[] = {
    { "__newindex", section_newindex },
    { "__len", view_proxy_len },
    { "__pairs", section_pairs },
    { "__jsonvalue", section_jsonvalue },
    { NULL, NULL },
};

static bool has_sections(const struct setting *node)
{
    for (size_t i = 0; i < node->nchildren; i++)
        if (node->children[i]->type == SETTING_SECTION)
            return true;
    return false;
}

void view_push_section(lua_State *L, int view, const struct setting *node)
{
    int values;

    luaL_checkstack(L, 12, "a config is nested too deep");
    lua_createtable(L, 0, (int)node->nchildren);
    values = lua_gettop(L);
    view_fill_section(L, view, values, node);
    if (has_sections(node)) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, view);
        lua_pushlightuserdata(L, (void *)node);
        lua_pushcclosure(L, section_child, 2);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, values);
    }
    view_push_proxy(L, view, node, section_metamethods); /* proxy */
    lua_getiuservalue(L, view, SECTIONS);
    lua_getmetatable(L, -2); /* proxy, sections, mt */
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}
