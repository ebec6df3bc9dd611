/* view_section.c - sections of a config view, as they are read. See view_int.h. */
#include "script/missing.h"
#include "script/shared.h"
#include "script/view_int.h"

static bool is_container(const struct setting *s)
{
    return s->type == SETTING_LIST || s->type == SETTING_MAP;
}

/* Is there something in it that is made when it is first read? */
static bool has_tables(const struct setting *node)
{
    for (size_t i = 0; i < node->nchildren; i++)
        if (node->children[i]->type == SETTING_SECTION ||
            is_container(node->children[i]))
            return true;
    return false;
}

/* Can the generation's table of defaults be read as it is? */
static bool is_plain(const struct setting *node)
{
    for (size_t i = 0; i < node->nchildren; i++)
        if (node->children[i]->def && node->children[i]->def[0] == 'n')
            return false; /* null */
    return !has_tables(node);
}

/* The value of a leaf that a section's part of a document gives. */
static struct slice value_in(const struct setting *leaf, struct slice part)
{
    struct slice value = part.p ? json_get(part, leaf->name) : SLICE_NONE;

    return value.p && setting_fits(leaf, value) ? value : slice_of(leaf->def);
}

/* Set all leaves but lists and maps in the table at values. */
static void fill_scalars(lua_State *L, struct view *v, int values,
                         const struct setting *node, struct slice part)
{
    struct json_iter it;
    int defaults;

    shared_push_defaults(L, v->gen, node);
    defaults = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, defaults)) { /* defaults, key, value */
        if (lua_istable(L, -1)) {
            lua_pop(L, 1);
            continue;
        }
        if (lua_islightuserdata(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, values);
    }
    lua_pop(L, 1);
    json_iter_init(&it, part);
    while (json_iter_next(&it)) {
        const struct setting *s = setting_child(node, it.key);

        if (!s || s->type == SETTING_SECTION || is_container(s) ||
            !setting_fits(s, it.value))
            continue;
        lua_pushstring(L, s->name);
        view_push_value(L, 0, s, it.value);
        lua_rawset(L, values);
    }
}

/* --- what is made when it is first read ------------------------------------------- */

/* Stack: values, key. Upvalue 1: the section's metatable. */
static int make_child(lua_State *L, int status, lua_KContext ctx)
{
    const struct setting *child = (const struct setting *)ctx;
    struct view *v;
    struct slice part;

    (void)status;
    lua_settop(L, 2);
    v = view_push_of(L, lua_upvalueindex(1)); /* values, key, view */
    if (child->type == SETTING_SECTION) {
        view_push_section(L, 3, child);
    } else {
        part = section_part(child->parent, v->config->text);
        view_push_container(L, 3, child, value_in(child, part));
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

/* __index of a section's values. */
static int section_child(lua_State *L)
{
    struct view *v = view_of(L, lua_upvalueindex(1));
    const struct setting *node, *child;
    struct slice key;

    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    view_check_alive(L, v);
    key.p = lua_tolstring(L, 2, &key.n);
    node = view_node(L, lua_upvalueindex(1));
    child = setting_child(node, key);
    if (!child)
        missing_tell(L, v->gen, node, key);
    if (!child || !(child->type == SETTING_SECTION || is_container(child)))
        return 0;
    return view_load(L, v, child, (lua_KContext)child, make_child);
}

/* --- pairs -------------------------------------------------------------------------- */

/* Make all that the section at 1 has. */
static void make_all(lua_State *L, const struct setting *node)
{
    for (size_t i = 0; i < node->nchildren; i++) {
        lua_getfield(L, 1, node->children[i]->name);
        lua_pop(L, 1);
    }
}

/* The iterator of pairs(). Upvalues: the metatable, how many have been. */
static int section_next(lua_State *L)
{
    size_t i = (size_t)lua_tointeger(L, lua_upvalueindex(2));
    const struct setting *node;

    if (view_has_ended(view_of(L, lua_upvalueindex(1))))
        return 0;
    node = view_node(L, lua_upvalueindex(1));
    lua_settop(L, 0);
    lua_rawgeti(L, lua_upvalueindex(1), VALUES);
    while (i < node->nchildren) {
        lua_pushstring(L, node->children[i++]->name);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) {
            lua_pushinteger(L, (lua_Integer)i);
            lua_replace(L, lua_upvalueindex(2));
            return 2;
        }
        lua_settop(L, 1);
    }
    return 0;
}

static int pairs_loaded(lua_State *L, int status, lua_KContext ctx)
{
    int mt;

    (void)status;
    (void)ctx;
    lua_settop(L, 1);
    mt = view_mt(L);
    make_all(L, view_node(L, mt));
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, section_next, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int section_pairs(lua_State *L)
{
    int mt = view_mt(L);
    struct view *v = view_of(L, mt);

    if (view_has_ended(v))
        return view_proxy_pairs(L); /* what has been read of it */
    return view_load(L, v, view_node(L, mt), 0, pairs_loaded);
}

/* # is 0, and JSON is written by way of pairs(). */
static const luaL_Reg section_metamethods[] = {
    { "__newindex", view_section_newindex },
    { "__pairs", section_pairs },
    { NULL, NULL },
};

/* --- a section -------------------------------------------------------------------------- */

/* The values at the top get an __index that makes the rest; mt: the section's. */
static void add_index(lua_State *L, int mt)
{
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, mt);
    lua_pushcclosure(L, section_child, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void view_push_section(lua_State *L, int view, const struct setting *node)
{
    struct view *v = lua_touserdata(L, view);
    struct slice part = section_part(node, v->config->text);
    bool shared = is_plain(node) && json_is_empty(part);
    int mt;

    luaL_checkstack(L, 14, "a config is nested too deep");
    if (shared) {
        shared_push_defaults(L, v->gen, node);
    } else {
        lua_createtable(L, 0, (int)node->nchildren);
        fill_scalars(L, v, lua_gettop(L), node, part);
    }
    if (!has_tables(node))
        missing_watch(L, v->gen, node);
    lua_pushvalue(L, -1);
    view_push_proxy(L, view, node, section_metamethods); /* values, proxy */
    lua_insert(L, -2);
    lua_getmetatable(L, -2); /* proxy, values, mt */
    mt = lua_gettop(L);
    if (shared) {
        lua_pushboolean(L, true);
        lua_rawseti(L, mt, SHARED);
    } else if (has_tables(node)) {
        lua_pushvalue(L, mt - 1);
        add_index(L, mt);
        lua_pop(L, 1);
    }
    lua_getiuservalue(L, view, SECTIONS);
    lua_rawseti(L, mt, BEFORE);
    lua_setiuservalue(L, view, SECTIONS);
    lua_pop(L, 1); /* proxy */
}

void view_refill_section(lua_State *L, int view, int mt, struct slice document)
{
    const struct setting *node = view_node(L, mt);
    struct view *v = lua_touserdata(L, view);
    struct slice part = section_part(node, document);
    int values;

    if (lua_rawgeti(L, mt, SHARED) == LUA_TBOOLEAN && json_is_empty(part)) {
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    view_own_values(L, mt);
    lua_rawgeti(L, mt, VALUES);
    values = lua_gettop(L);
    fill_scalars(L, v, values, node, part);
    for (size_t i = 0; i < node->nchildren; i++) {
        const struct setting *s = node->children[i];

        if (!is_container(s))
            continue;
        lua_pushstring(L, s->name);
        if (lua_rawget(L, values) == LUA_TTABLE &&
            !view_is_dirty(L, view, values + 1))
            view_refill_container(L, view, values + 1, value_in(s, part));
        lua_settop(L, values);
    }
    lua_pop(L, 1);
}
