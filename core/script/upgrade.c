/* upgrade.c - see upgrade.h. */
#include "script/upgrade.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/vm.h"
#include "script/watchdog.h"

#define DEPTH_MAX 64

/* One upgrade of one document. */
struct upgrade {
    struct generation *gen;
    struct slice text;
    int version;
    struct buf *document;         /* the overrides, changed step by step */
    struct slice path[DEPTH_MAX]; /* raw keys: where compare() is */
};

/* --- the config as a plain table ---------------------------------------------------- */

static void push_defaults(lua_State *L, const struct setting *section)
{
    luaL_checkstack(L, 4, "sections are nested too deep");
    lua_createtable(L, 0, (int)section->nchildren);
    for (size_t i = 0; i < section->nchildren; i++) {
        const struct setting *s = section->children[i];

        if (s->type == SETTING_SECTION)
            push_defaults(L, s);
        else
            json_push(L, slice_of(s->def));
        lua_setfield(L, -2, s->name);
    }
}

/* Put the overrides over the defaults in the table at the top. */
static void lay_over(lua_State *L, const struct setting *section,
                     struct slice overrides)
{
    struct json_iter it;
    const struct setting *s;

    luaL_checkstack(L, 4, "a config is nested too deep");
    json_iter_init(&it, overrides);
    while (json_iter_next(&it)) {
        json_push(L, (struct slice){ it.key.p - 1, it.key.n + 2 });
        s = setting_child(section, it.key);
        if (s && s->type == SETTING_SECTION &&
            json_kind(it.value) == JSON_OBJECT) {
            lua_pushvalue(L, -1);
            lua_rawget(L, -3);
            lay_over(L, s, it.value);
        } else {
            json_push(L, it.value);
        }
        lua_rawset(L, -3);
    }
}

static void push_merged(lua_State *L, const struct upgrade *u)
{
    push_defaults(L, u->gen->schema);
    lay_over(L, u->gen->schema, u->text);
}

/* --- what the functions changed ------------------------------------------------------- */

/* Is the value at index an object whose members are compared one by one? */
static bool is_object(lua_State *L, int index, const struct setting *s)
{
    if (!lua_istable(L, index) || lua_rawlen(L, index) > 0)
        return false;
    if (s && s->type != SETTING_SECTION)
        return false; /* a list or map is one value */
    if (!lua_getmetatable(L, index))
        return true;
    lua_pop(L, 1); /* an empty array */
    return false;
}

static struct buf *push_json(lua_State *L, int index, const struct upgrade *u,
                             size_t depth)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct err err = ERR_INIT;
    struct buf *json;

    index = lua_absindex(L, index);
    json = json_push_buf(L);
    if (!json_add_lua(L, index, &options, json, &err))
        luaL_error(L, "%s in what the upgrade left as \"%s\"", err.text,
                   depth ? lua_pushlstring(L, u->path[depth - 1].p,
                                           u->path[depth - 1].n)
                         : "config");
    return json;
}

static void change(lua_State *L, struct upgrade *u, size_t depth,
                   struct slice value)
{
    struct buf *next = json_push_buf(L);

    json_add_changed(next, buf_slice(u->document), u->path, depth, value);
    buf_move(u->document, next);
    lua_pop(L, 1);
}

static bool same_value(lua_State *L, int a, int b, const struct upgrade *u,
                       size_t depth)
{
    struct buf *x, *y;
    bool same;

    if (!lua_istable(L, a) || !lua_istable(L, b))
        return lua_rawequal(L, a, b) &&
               lua_isinteger(L, a) == lua_isinteger(L, b);
    x = push_json(L, a, u, depth);
    y = push_json(L, b, u, depth);
    same = x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
    lua_pop(L, 2);
    return same;
}

static void compare(lua_State *L, struct upgrade *u,
                    const struct setting *section, size_t depth, int before,
                    int after);

/* The member whose key is at the top, in the objects before and after. */
static void compare_member(lua_State *L, struct upgrade *u,
                           const struct setting *section, size_t depth,
                           int before, int after)
{
    int key = lua_gettop(L), old = key + 2, new = key + 3;
    const struct setting *s;
    struct buf *name;
    struct err err = ERR_INIT;
    struct slice text;

    text.p = lua_tolstring(L, key, &text.n);
    s = section ? setting_child(section, text) : NULL;
    name = json_push_buf(L); /* key + 1 */
    if (!json_add_string(name, text, &err))
        luaL_error(L, "%s", err.text);
    u->path[depth++] = (struct slice){ name->data + 1, name->len - 2 };
    lua_pushvalue(L, key);
    lua_rawget(L, before);
    lua_pushvalue(L, key);
    lua_rawget(L, after);
    if (is_object(L, old, s) && is_object(L, new, s))
        compare(L, u, s, depth, old, new);
    else if (lua_isnil(L, new))
        change(L, u, depth, SLICE_NONE);
    else if (!same_value(L, old, new, u, depth))
        change(L, u, depth, buf_slice(push_json(L, new, u, depth)));
    lua_settop(L, key);
}

static void compare(lua_State *L, struct upgrade *u,
                    const struct setting *section, size_t depth, int before,
                    int after)
{
    luaL_checkstack(L, 20, "a config is nested too deep");
    if (depth == DEPTH_MAX)
        luaL_error(L, "a config is nested more than %d deep", DEPTH_MAX);
    lua_pushnil(L);
    while (lua_next(L, after)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "an upgrade left a key that is not a text: [%s]",
                       luaL_tolstring(L, -1, NULL));
        compare_member(L, u, section, depth, before, after);
    }
    lua_pushnil(L);
    while (lua_next(L, before)) { /* what is gone */
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, after) == LUA_TNIL) {
            lua_pop(L, 1);
            compare_member(L, u, section, depth, before, after);
        } else {
            lua_pop(L, 1);
        }
    }
}

/* --- running them ----------------------------------------------------------------------- */

static void run_steps(lua_State *L, const struct upgrade *u, int config)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, u->gen->upgrades_ref);
    for (int i = u->version + 1; i <= u->gen->config_version; i++) {
        lua_rawgeti(L, -1, i);
        lua_pushvalue(L, config);
        lua_call(L, 1, 1);
        if (!lua_isnil(L, -1) && !lua_rawequal(L, -1, config))
            luaL_error(L,
                       "upgrade %d returned a %s; it should change the "
                       "config that it is given",
                       i, luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int run(lua_State *L)
{
    struct upgrade *u = lua_touserdata(L, 1);

    push_merged(L, u); /* 2 */
    push_merged(L, u); /* 3 */
    run_steps(L, u, 3);
    u->document = json_push_buf(L); /* 4 */
    buf_add_slice(u->document, u->text);
    compare(L, u, u->gen->schema, 0, 2, 3);
    lua_settop(L, 4);
    return 1;
}

bool upgrade_config(int64_t chat_id, struct slice text, int version,
                    struct buf *out, struct err *err, void *arg)
{
    struct generation *gen = arg;
    lua_State *L = gen->L;
    struct upgrade u = { .gen = gen, .text = text, .version = version };
    struct buf why = BUF_INIT;
    bool overran = false, ok;

    (void)chat_id;
    if (version < 0)
        return err_set(err, ERR_SCRIPT, "its version is %d", version);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, &u);
    watchdog_enter(L, WATCHDOG_TASK, &overran);
    ok = lua_pcall(L, 1, 1, 0) == LUA_OK && !overran;
    watchdog_leave();
    if (ok) {
        buf_add_slice(out, buf_slice(u.document));
    } else {
        if (overran)
            buf_adds(&why, "an upgrade computed for too long");
        else
            vm_add_error(L, -1, &why);
        err_set(err, ERR_SCRIPT, "%s", why.data);
    }
    lua_pop(L, 1);
    buf_release(&why);
    return ok;
}
