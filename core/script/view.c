/* view.c - a config view as a whole: see view.h and view_int.h. */
#include "script/view_int.h"
#include "script/vm.h"

#define VIEW_MT "moonpost.view"

static int view_gc(lua_State *L)
{
    struct view *v = lua_touserdata(L, 1);

    config_unref(v->config);
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
    v->ref = LUA_NOREF;
    luaL_setmetatable(L, VIEW_MT);
    v->config = config_ref(config);
    lua_newtable(L);
    lua_setiuservalue(L, view, SECTIONS);
    lua_newtable(L);
    lua_setiuservalue(L, view, DIRTY);
    view_push_section(L, view, gen->schema);
    lua_pushvalue(L, view); /* last: till then an error leaves nothing behind */
    v->ref = luaL_ref(L, LUA_REGISTRYINDEX);
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
        const struct setting *node = view_node(L, lua_gettop(L) - 1);
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
        view_fill_section(L, view, lua_gettop(L), view_node(L, mt));
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
