/* upgrade_move.c - see upgrade_move.h. */
#include "script/upgrade_move.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"

#define STEPS_MAX (SETTING_DEPTH_MAX + 1) /* of a path */

/* The function's upvalues. KEPT: path → true, of what has to stay chosen; nil
 * until something has. */
enum { GENERATION = 1, CONFIG, KEPT };

/* What is moved in; the indices are good in the function that made it. */
struct moves {
    struct slice text; /* the document, as it was read */
    int config, kept;
};

struct path {
    struct slice steps[STEPS_MAX];
    size_t n;
};

static void read_path(lua_State *L, int arg, struct path *path)
{
    const char *p = luaL_checkstring(L, arg);

    path->n = 0;
    for (;;) {
        size_t len = strcspn(p, ".");

        if (len == 0 || path->n == STEPS_MAX)
            luaL_error(L, "move: \"%s\" is not the path of a setting",
                       lua_tostring(L, arg));
        path->steps[path->n++] = (struct slice){ p, len };
        if (!p[len])
            return;
        p += len + 1;
    }
}

/* Push the table that the path's last step is in, or nil. make: as needed. */
static void push_parent(lua_State *L, const struct moves *m,
                        const struct path *path, bool make)
{
    lua_pushvalue(L, m->config);
    for (size_t i = 0; i + 1 < path->n; i++) {
        lua_pushlstring(L, path->steps[i].p, path->steps[i].n);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TTABLE && make) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, -5);
        }
        lua_replace(L, -3);
        lua_pop(L, 1);
        if (!lua_istable(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
            return;
        }
    }
}

static void push_last(lua_State *L, const struct path *path)
{
    lua_pushlstring(L, path->steps[path->n - 1].p, path->steps[path->n - 1].n);
}

/* What the document had there when it was read. */
static struct slice text_at(const struct moves *m, const struct path *path)
{
    struct slice value = m->text;
    char key[256];

    for (size_t i = 0; value.p && i < path->n; i++) {
        if (path->steps[i].n >= sizeof(key))
            return SLICE_NONE;
        memcpy(key, path->steps[i].p, path->steps[i].n);
        key[path->steps[i].n] = '\0';
        value = json_get(value, key);
    }
    return value;
}

static void mark(lua_State *L, const struct moves *m, int path, bool kept)
{
    if (lua_isnil(L, m->kept)) {
        if (!kept)
            return;
        lua_newtable(L);
        lua_replace(L, m->kept);
    }
    lua_pushvalue(L, path);
    if (kept)
        lua_pushboolean(L, true);
    else
        lua_pushnil(L);
    lua_rawset(L, m->kept);
}

/* Was it chosen: when it was read, or moved here by an earlier step? */
static bool is_chosen(lua_State *L, const struct moves *m, int path,
                      struct slice text)
{
    bool was_kept;

    if (text.p || lua_isnil(L, m->kept))
        return text.p;
    lua_pushvalue(L, path);
    was_kept = lua_rawget(L, m->kept) != LUA_TNIL;
    lua_pop(L, 1);
    return was_kept;
}

static void move_value(lua_State *L, const struct moves *m, int from, int to);

/* An object: each member by itself, so that what was not chosen in it is not. */
static void move_members(lua_State *L, const struct moves *m, int from, int to,
                         struct slice text)
{
    int top = lua_gettop(L);
    struct json_iter it;

    luaL_checkstack(L, 8, "a config is nested too deep");
    json_iter_init(&it, text);
    while (json_iter_next(&it)) {
        lua_pushfstring(L, "%s.", lua_tostring(L, from));
        lua_pushlstring(L, it.key.p, it.key.n);
        lua_concat(L, 2);
        lua_pushfstring(L, "%s.", lua_tostring(L, to));
        lua_pushlstring(L, it.key.p, it.key.n);
        lua_concat(L, 2);
        move_value(L, m, top + 1, top + 2);
        lua_settop(L, top);
    }
}

/* Stack: from's parent, from's key, value. */
static void put(lua_State *L, const struct moves *m, int to,
                const struct path *target)
{
    push_parent(L, m, target, true);
    if (lua_isnil(L, -1))
        luaL_error(L, "move: there is no section for \"%s\"",
                   lua_tostring(L, to));
    push_last(L, target);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    mark(L, m, to, true);
}

/* from and to: indices of the paths. */
static void move_value(lua_State *L, const struct moves *m, int from, int to)
{
    int top = lua_gettop(L);
    struct path source, target;
    struct slice text;
    bool is_object;

    read_path(L, from, &source);
    read_path(L, to, &target);
    text = text_at(m, &source);
    push_parent(L, m, &source, false);
    if (lua_isnil(L, -1)) {
        lua_settop(L, top);
        return;
    }
    push_last(L, &source);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3); /* parent, key, value */
    is_object = lua_istable(L, -1) && lua_rawlen(L, -1) == 0 &&
                json_kind(text) == JSON_OBJECT;
    if (is_object)
        move_members(L, m, from, to, text);
    else if (!lua_isnil(L, -1) && is_chosen(L, m, from, text))
        put(L, m, to, &target);
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawset(L, -3);
    mark(L, m, from, false);
    lua_settop(L, top);
}

/* move(from, to): what the chat has set there; if nothing, nothing. */
static int l_move(lua_State *L)
{
    const struct generation *gen =
        lua_touserdata(L, lua_upvalueindex(GENERATION));
    struct moves m = { .config = lua_upvalueindex(CONFIG),
                       .kept = lua_upvalueindex(KEPT) };

    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    if (!gen->upgrading)
        return luaL_error(L, "move: only while an upgrade runs");
    m.text = *gen->upgrading;
    lua_settop(L, 2);
    move_value(L, &m, 1, 2);
    return 0;
}

void moves_begin(lua_State *L, struct generation *gen, const struct slice *text,
                 int config)
{
    gen->upgrading = text;
    if (gen->move_ref == LUA_NOREF) {
        lua_pushlightuserdata(L, gen);
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushcclosure(L, l_move, 3);
        gen->move_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->move_ref);
    lua_pushvalue(L, config);
    lua_setupvalue(L, -2, CONFIG);
    lua_pushnil(L);
    lua_setupvalue(L, -2, KEPT);
}

void moves_end(struct generation *gen)
{
    gen->upgrading = NULL;
}

/* The value of a path that was moved to. */
static void add_kept(lua_State *L, int path, const struct moves *m,
                     struct buf *out, size_t start)
{
    struct slice document = { out->data + start, out->len - start };
    struct moves now = { .text = document, .config = m->config };
    struct buf *json, *next;
    struct err err = ERR_INIT;
    struct path p;

    read_path(L, path, &p);
    if (text_at(&now, &p).p)
        return;
    push_parent(L, m, &p, false);
    if (lua_isnil(L, -1))
        return;
    push_last(L, &p);
    if (lua_rawget(L, -2) == LUA_TNIL)
        return;
    json = json_push_buf(L);
    next = json_push_buf(L);
    if (!json_add_lua(L, -3, NULL, json, &err))
        luaL_error(L, "%s in what was moved to \"%s\"", err.text,
                   lua_tostring(L, path));
    json_add_changed(next, document, p.steps, p.n, buf_slice(json));
    out->len = start;
    buf_add_slice(out, buf_slice(next));
}

void moves_add(lua_State *L, int move, int config, struct buf *out,
               size_t start)
{
    struct moves m = { .config = config };
    int top = lua_gettop(L);

    lua_getupvalue(L, move, KEPT);
    if (lua_istable(L, -1)) {
        lua_pushnil(L);
        while (lua_next(L, top + 1)) {
            add_kept(L, top + 2, &m, out, start);
            lua_settop(L, top + 2);
        }
    }
    lua_settop(L, top);
}
