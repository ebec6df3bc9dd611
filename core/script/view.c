/*
 * view.c - see view.h.
 *
 * A proxy's metatable holds besides its metamethods:
 *   [VIEW] the view   [NODE] the setting (light userdata)   [VALUES] the table
 *   [OWNER] of a table within a list or map: the proxy of that list or map
 * The view's user values: SECTIONS, metatables of the sections made so far;
 * DIRTY, lists and maps changed in place: metatable → true.
 */
#include "script/view.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/raise.h"
#include "script/vm.h"

#define VIEW_MT "moonpost.view"

enum slot { VIEW = 1, NODE, VALUES, OWNER };
enum uservalue { SECTIONS = 1, DIRTY };

struct view {
    struct generation *gen;
    struct config *config;
    struct config_patch patch;
    bool dirty; /* a list was changed in place */
    int ref;    /* of the userdata in the registry, until view_end() */
};

static void push_section(lua_State *L, int view, const struct setting *node);
static void push_value(lua_State *L, int view, const struct setting *node,
                       struct slice json, int owner);

/* --- a proxy's parts ------------------------------------------------------------- */

/* Push the slots of the proxy at 1: its metatable stays at the index returned. */
static int proxy_mt(lua_State *L)
{
    if (!lua_getmetatable(L, 1))
        luaL_error(L, "a config table is expected");
    return lua_gettop(L);
}

static const struct setting *node_of(lua_State *L, int mt)
{
    const struct setting *node;

    lua_rawgeti(L, mt, NODE);
    node = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return node;
}

static struct view *push_view(lua_State *L, int mt)
{
    lua_rawgeti(L, mt, VIEW);
    return lua_touserdata(L, -1);
}

static void add_path(const struct setting *node, struct buf *out)
{
    buf_adds(out, "config");
    if (node->parent)
        buf_addc(out, '.');
    setting_path(node, out);
}

/* A new proxy with its metatable; values at the top are taken. */
static void push_proxy(lua_State *L, int view, const struct setting *node,
                       const luaL_Reg *metamethods)
{
    int values = lua_gettop(L);

    lua_createtable(L, 0, 0);
    lua_createtable(L, 4, 8); /* values, proxy, mt */
    luaL_setfuncs(L, metamethods, 0);
    lua_pushvalue(L, values);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, view);
    lua_rawseti(L, -2, VIEW);
    lua_pushlightuserdata(L, (void *)node);
    lua_rawseti(L, -2, NODE);
    lua_pushvalue(L, values);
    lua_rawseti(L, -2, VALUES);
    lua_setmetatable(L, -2); /* values, proxy */
    lua_remove(L, values);
}

static int proxy_len(lua_State *L)
{
    lua_rawgeti(L, proxy_mt(L), VALUES);
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

static int proxy_pairs(lua_State *L)
{
    lua_rawgeti(L, proxy_mt(L), VALUES);
    lua_pushcclosure(L, values_next, 1);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int proxy_jsonvalue(lua_State *L)
{
    lua_rawgeti(L, proxy_mt(L), VALUES);
    return 1;
}

/* Assigning after the task has ended would go nowhere. */
static void check_alive(lua_State *L, int mt)
{
    struct view *v = push_view(L, mt);

    lua_pop(L, 1);
    if (v->ref == LUA_NOREF)
        luaL_error(L, "this config belongs to an update that is done; use "
                      "ctx.config of the present one");
}

/* --- lists and maps ----------------------------------------------------------------- */

/* Is the table a list, whatever it holds? Its values have the array metatable then. */
static bool is_list(lua_State *L, int values)
{
    if (!lua_getmetatable(L, values))
        return false;
    lua_pop(L, 1);
    return true;
}

static void mark_dirty(lua_State *L, int mt)
{
    struct view *v = push_view(L, mt); /* view */

    v->dirty = true;
    lua_getiuservalue(L, -1, DIRTY); /* view, dirty */
    if (lua_rawgeti(L, mt, OWNER) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushvalue(L, mt);
    }
    lua_pushboolean(L, true); /* view, dirty, owner, true */
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

static void check_list_key(lua_State *L, int values, const struct setting *node)
{
    struct buf *path;
    int is_int;
    lua_Integer i = lua_tointegerx(L, 2, &is_int);
    lua_Integer n = (lua_Integer)lua_rawlen(L, values);

    if (is_int && i >= 1 && i <= n + 1)
        return;
    path = json_push_buf(L);
    add_path(node, path);
    luaL_error(L, "%s is a list of %d: only [1] to [%d] can be assigned",
               path->data, (int)n, (int)n + 1);
}

/* The new value at 3 as JSON; raises when it can't be. */
static struct buf *push_json(lua_State *L, const struct setting *node,
                             const char *key)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct buf *json = json_push_buf(L), *path;
    struct err err = ERR_INIT;

    if (json_add_lua(L, 3, &options, json, &err))
        return json;
    path = json_push_buf(L);
    add_path(node, path);
    luaL_error(L, "%s%s%s: %s", path->data, key ? "." : "", key ? key : "",
               err.text);
    return NULL;
}

static int container_newindex(lua_State *L)
{
    int mt = proxy_mt(L), view, values;
    const struct setting *node = node_of(L, mt);
    struct buf *json;

    check_alive(L, mt);
    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    if (is_list(L, values))
        check_list_key(L, values, node);
    else if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "config.%s: keys must be strings", node->name);
    push_view(L, mt);
    view = lua_gettop(L);
    lua_pushvalue(L, 2);
    if (lua_isnil(L, 3)) {
        lua_pushnil(L);
    } else {
        json = push_json(L, node, NULL);
        if (lua_rawgeti(L, mt, OWNER) == LUA_TNIL)
            lua_pushvalue(L, mt);
        push_value(L, view, node, buf_slice(json), lua_gettop(L));
        lua_replace(L, view + 2); /* values, view, key, value, … */
        lua_settop(L, view + 2);
    }
    lua_rawset(L, values);
    mark_dirty(L, mt);
    return 0;
}

static const luaL_Reg container_metamethods[] = {
    { "__newindex", container_newindex },
    { "__len", proxy_len },
    { "__pairs", proxy_pairs },
    { "__jsonvalue", proxy_jsonvalue },
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
    push_proxy(L, view, node, container_metamethods); /* values, proxy */
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

/* --- values ------------------------------------------------------------------------------ */

/* owner: the index of the metatable of the list or map that it is put in, or 0. */
static void push_value(lua_State *L, int view, const struct setting *node,
                       struct slice json, int owner)
{
    json_push(L, json);
    if (lua_istable(L, -1))
        wrap_container(L, view, node, json.p[0] == '[', owner);
}

/* Fill a section's values: what is set, else the defaults; not its sections. */
static void fill_section(lua_State *L, int view, int values,
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
        push_value(L, view, s, value, 0);
        lua_setfield(L, values, s->name);
    }
}

/* --- sections ------------------------------------------------------------------------------ */

/* __index of a section's values: a section in it, made now. Upvalues: view, node. */
static int section_child(lua_State *L)
{
    const struct setting *node = lua_touserdata(L, lua_upvalueindex(2));
    const struct setting *child;
    struct slice key;

    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    key.p = lua_tolstring(L, 2, &key.n);
    child = setting_child(node, key);
    if (!child || child->type != SETTING_SECTION)
        return 0;
    lua_pushvalue(L, lua_upvalueindex(1));
    push_section(L, lua_gettop(L), child);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

static int no_such_setting(lua_State *L, const struct setting *node,
                           const char *key)
{
    struct buf *text = json_push_buf(L);

    add_path(node, text);
    buf_addf(text, " has no setting \"%s\"; it has ", key);
    for (size_t i = 0; i < node->nchildren; i++)
        buf_addf(text, "%s%s", i ? ", " : "", node->children[i]->name);
    if (!node->nchildren)
        buf_adds(text, "none");
    return luaL_error(L, "%s", text->data);
}

/* Assign the value at 3 to the leaf; mt is of its section. */
static void assign_leaf(lua_State *L, int mt, const struct setting *leaf)
{
    struct view *v;
    int view, values;
    struct buf *json, *path;
    struct err err = ERR_INIT;
    struct slice value = SLICE_NONE;

    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    v = push_view(L, mt);
    view = lua_gettop(L);
    if (!lua_isnil(L, 3)) {
        json = push_json(L, leaf, NULL);
        /* {} is how Lua writes an empty list too. */
        if (leaf->type == SETTING_LIST && slice_eq(buf_slice(json), "{}")) {
            buf_reset(json);
            buf_adds(json, "[]");
        }
        value = buf_slice(json);
        if (!setting_check(leaf, value, &err)) {
            luaL_where(L, 1);
            lua_pushfstring(L, "config.%s", err.text);
            lua_concat(L, 2);
            lua_error(L);
        }
    }
    path = json_push_buf(L);
    setting_path(leaf, path);
    config_patch_set(&v->patch, path->data, value);
    push_value(L, view, leaf, value.p ? value : slice_of(leaf->def), 0);
    lua_setfield(L, values, leaf->name);
}

/* config.welcome = { … }: what it names is set, the rest goes to its default. */
static void assign_section(lua_State *L, const struct setting *section)
{
    if (!lua_isnil(L, 3) && !lua_istable(L, 3))
        luaL_error(L, "config.%s is a section: it must be a table, got %s",
                   section->name, luaL_typename(L, 3));
    if (lua_istable(L, 3)) {
        lua_pushnil(L);
        while (lua_next(L, 3)) {
            if (lua_type(L, -2) != LUA_TSTRING ||
                !setting_child(section, slice_of(lua_tostring(L, -2))))
                no_such_setting(L, section, luaL_tolstring(L, -2, NULL));
            lua_pop(L, 1);
        }
    }
    lua_getfield(L, 1, section->name); /* its proxy */
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
    int mt = proxy_mt(L);
    const struct setting *node = node_of(L, mt), *child = NULL;
    struct slice key;

    check_alive(L, mt);
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
    const struct setting *node = node_of(L, proxy_mt(L));

    for (size_t i = 0; i < node->nchildren; i++) {
        lua_getfield(L, 1, node->children[i]->name); /* makes sections */
        lua_pop(L, 1);
    }
    return proxy_pairs(L);
}

static int section_jsonvalue(lua_State *L)
{
    section_pairs(L);
    lua_settop(L, 1);
    return proxy_jsonvalue(L);
}

static const luaL_Reg section_metamethods[] = {
    { "__newindex", section_newindex },
    { "__len", proxy_len },
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

static void push_section(lua_State *L, int view, const struct setting *node)
{
    int values;

    luaL_checkstack(L, 12, "a config is nested too deep");
    lua_createtable(L, 0, (int)node->nchildren);
    values = lua_gettop(L);
    fill_section(L, view, values, node);
    if (has_sections(node)) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, view);
        lua_pushlightuserdata(L, (void *)node);
        lua_pushcclosure(L, section_child, 2);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, values);
    }
    push_proxy(L, view, node, section_metamethods); /* proxy */
    lua_getiuservalue(L, view, SECTIONS);
    lua_getmetatable(L, -2); /* proxy, sections, mt */
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

/* --- the view -------------------------------------------------------------------------------- */

static int view_gc(lua_State *L)
{
    struct view *v = lua_touserdata(L, 1);

    config_unref(v->config);
    generation_unref(v->gen);
    config_patch_release(&v->patch);
    *v = (struct view){ 0 };
    return 0;
}

void view_open(lua_State *L)
{
    luaL_newmetatable(L, VIEW_MT);
    lua_pushcfunction(L, view_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

void view_push(lua_State *L, struct generation *gen, struct config *config,
               struct view **out)
{
    struct view *v = lua_newuserdatauv(L, sizeof(*v), 2);
    int view = lua_gettop(L);

    *v = (struct view){ 0 };
    luaL_setmetatable(L, VIEW_MT);
    lua_pushvalue(L, view);
    v->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    v->gen = generation_ref(gen);
    v->config = config_ref(config);
    lua_newtable(L);
    lua_setiuservalue(L, view, SECTIONS);
    lua_newtable(L);
    lua_setiuservalue(L, view, DIRTY);
    push_section(L, view, gen->schema);
    lua_remove(L, view);
    *out = v;
}

bool view_is_changed(const struct view *v)
{
    return v->dirty || v->patch.n > 0;
}

static void push_self(lua_State *L, const struct view *v)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, v->ref);
}

void view_end(lua_State *L, struct view *v)
{
    luaL_unref(L, LUA_REGISTRYINDEX, v->ref);
    v->ref = LUA_NOREF;
}

/* What was changed in place becomes part of the patch. */
static void collect_dirty(lua_State *L, struct view *v, int view)
{
    struct err err = ERR_INIT;

    lua_getiuservalue(L, view, DIRTY);
    lua_pushnil(L);
    while (lua_next(L, -2)) { /* dirty, mt, true */
        const struct setting *node = node_of(L, lua_gettop(L) - 1);
        struct buf *json = json_push_buf(L), *path;

        lua_rawgeti(L, -3, VALUES);
        if (!json_add_lua(L, -1, NULL, json, &err))
            luaL_error(L, "config.%s: %s", node->name, err.text);
        if (!setting_check(node, buf_slice(json), &err))
            luaL_error(L, "config.%s", err.text);
        path = json_push_buf(L);
        setting_path(node, path);
        config_patch_set(&v->patch, path->data, buf_slice(json));
        lua_pop(L, 4); /* dirty, mt */
    }
    lua_newtable(L);
    lua_setiuservalue(L, view, DIRTY);
    lua_pop(L, 1);
    v->dirty = false;
}

bool view_is_set(lua_State *L, struct view *v, const struct setting *leaf)
{
    struct buf path = BUF_INIT;
    bool is_reset, is_set;

    if (v->dirty) {
        push_self(L, v);
        collect_dirty(L, v, lua_gettop(L));
        lua_pop(L, 1);
    }
    setting_path(leaf, &path);
    if (config_patch_has(&v->patch, path.data, &is_reset))
        is_set = !is_reset;
    else
        setting_value(leaf, v->config->text, &is_set);
    buf_release(&path);
    return is_set;
}

struct op *view_commit(lua_State *L, struct view *v)
{
    push_self(L, v);
    if (v->dirty)
        collect_dirty(L, v, lua_gettop(L));
    lua_pop(L, 1);
    return &config_commit(vm_of(L)->services->store, v->config, &v->patch)->op;
}

void view_reset(lua_State *L, struct view *v)
{
    int view, sections;

    config_patch_release(&v->patch);
    v->dirty = false;
    push_self(L, v);
    view = lua_gettop(L);
    lua_newtable(L);
    lua_setiuservalue(L, view, DIRTY);
    lua_getiuservalue(L, view, SECTIONS);
    sections = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, sections, i) == LUA_TTABLE; i++) {
        int mt = lua_gettop(L);

        lua_rawgeti(L, mt, VALUES);
        fill_section(L, view, lua_gettop(L), node_of(L, mt));
        lua_settop(L, sections);
    }
    lua_settop(L, view - 1);
}

void view_committed(lua_State *L, struct view *v, struct config *config)
{
    bool only_ours = config->revision == v->config->revision + 1;
    struct config *old = v->config;

    v->config = config_ref(config);
    config_unref(old);
    if (only_ours)
        config_patch_release(&v->patch);
    else
        view_reset(L, v); /* somebody else wrote too: read all of it anew */
}
