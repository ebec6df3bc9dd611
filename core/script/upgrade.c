/*
 * upgrade.c - see upgrade.h.
 *
 * All rows of a bot go through here when it is deployed, so this is made to be
 * fast: what was read is not decoded twice. The functions get one table; what
 * they left in it is compared with the text that was read and with the
 * generation's defaults, and the new text is written on the way: members that
 * are the same are copied, byte by byte.
 */
#include "script/upgrade.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/raised.h"
#include "script/shared.h"
#include "script/upgrade_move.h"
#include "script/upgrade_same.h"
#include "script/vm.h"
#include "script/watchdog.h"

#define DEPTH_MAX 64

/* One upgrade of one document. */
struct upgrade {
    struct generation *gen;
    struct slice text;
    int version;
    int step; /* the function that runs, or ran last; 0: none yet */
    size_t depth;
    struct buf *out; /* what is written; not whole after an error */
    struct buf json; /* one value of it */
};

/* An object: what was read (text, and defaults under it), and what is left. */
struct object {
    const struct setting *section; /* NULL: of keys that no setting has */
    struct slice text;             /* SLICE_NONE: nothing was set in it */
    int defaults;                  /* their table's index; 0: there are none */
    int after;                     /* the table that the functions left */
    /* Nothing was set in it: it is begun when there is something to write. */
    struct object *up;
    int key; /* in that, its index */
    bool begun;
};

enum outcome { SAME, CHANGED, EMPTIED };

static enum outcome write_object(lua_State *L, struct upgrade *u,
                                 struct object *o);

static void cut(struct buf *b, size_t len)
{
    b->len = len;
    b->data[len] = '\0';
}

static bool is_section(const struct setting *s)
{
    return !s || s->type == SETTING_SECTION; /* a list or map is one value */
}

/* Is the value at index an object whose members are compared one by one? */
static bool is_object(lua_State *L, int index, const struct setting *s)
{
    return is_section(s) && upgrade_is_object(L, index);
}

/* --- writing what is left ------------------------------------------------------------- */

static void add_comma(struct upgrade *u)
{
    if (u->out->data[u->out->len - 1] != '{')
        buf_addc(u->out, ',');
}

static void add_key(lua_State *L, struct upgrade *u, int key)
{
    struct slice text;
    struct err err = ERR_INIT;

    text.p = lua_tolstring(L, key, &text.n);
    add_comma(u);
    if (!json_add_string(u->out, text, &err))
        luaL_error(L, "%s in a key that an upgrade left", err.text);
    if (memchr(text.p, '\0', text.n))
        luaL_error(L, "a NUL byte in a key that an upgrade left");
    buf_addc(u->out, ':');
}

/* A key that was read, as it was written. */
static void add_old_key(struct upgrade *u, struct slice raw)
{
    add_comma(u);
    buf_add(u->out, raw.p - 1, raw.n + 2);
    buf_addc(u->out, ':');
}

/* Make ready for a member of o. */
static void begin(lua_State *L, struct upgrade *u, struct object *o)
{
    if (o->begun)
        return;
    if (o->up) {
        begin(L, u, o->up);
        add_key(L, u, o->key);
    }
    buf_addc(u->out, '{');
    o->begun = true;
}

/* The value at index, whose key is there. */
static void add_value(lua_State *L, struct upgrade *u, const struct setting *s,
                      int key, int index)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct err err = ERR_INIT;

    buf_reset(&u->json);
    if (!json_add_lua(L, index, &options, &u->json, &err))
        luaL_error(L, "%s in what the upgrade left as \"%s\"", err.text,
                   lua_tostring(L, key));
    if (!setting_storable(u->gen->schema, buf_slice(&u->json), &err))
        luaL_error(L, "a NUL byte in what the upgrade left as \"%s\"",
                   lua_tostring(L, key));
    if (s && s->type != SETTING_SECTION)
        setting_add_shaped(s, buf_slice(&u->json), u->out);
    else
        buf_add_slice(u->out, buf_slice(&u->json));
}

/* The member of o at key, an object before and after. */
static enum outcome write_inner(lua_State *L, struct upgrade *u,
                                struct object *o, struct object *inner)
{
    int top = lua_gettop(L);
    enum outcome outcome;

    if (inner->section && o->defaults) {
        lua_pushvalue(L, inner->key);
        lua_rawget(L, o->defaults);
        inner->defaults = top + 1;
    }
    outcome = write_object(L, u, inner);
    lua_settop(L, top);
    return outcome;
}

/* One that was set. Stack: key, value. */
static bool write_member(lua_State *L, struct upgrade *u, struct object *o,
                         const struct json_iter *it)
{
    int value = lua_gettop(L);
    struct object inner = { .section = setting_child(o->section, it->key),
                            .text = it->value,
                            .after = value,
                            .key = value - 1 };
    size_t start = u->out->len;
    enum outcome outcome = SAME;

    if (lua_isnil(L, value))
        return true;
    add_old_key(u, it->key);
    if (json_kind(it->value) == JSON_OBJECT &&
        is_object(L, value, inner.section)) {
        outcome = write_inner(L, u, o, &inner);
    } else if (!upgrade_same(L, value, inner.section, it->value)) {
        add_value(L, u, inner.section, value - 1, value);
        return true;
    }
    if (outcome == SAME)
        buf_add_slice(u->out, it->value);
    else if (outcome == EMPTIED)
        cut(u->out, start);
    return outcome != SAME;
}

/* One that was not set. Stack: key, value, default. */
static bool write_other(lua_State *L, struct upgrade *u, struct object *o)
{
    int def = lua_gettop(L), value = def - 1, key = def - 2;
    struct object inner = {
        .text = SLICE_NONE, .after = value, .up = o, .key = key
    };
    const struct setting *s;
    struct slice name;

    name.p = lua_tolstring(L, key, &name.n);
    s = inner.section = setting_child(o->section, name);
    if (lua_istable(L, def)) {
        if (is_object(L, value, s))
            return write_inner(L, u, o, &inner) != SAME;
        if (s->def && upgrade_same(L, value, s, slice_of(s->def)))
            return false;
    }
    begin(L, u, o);
    add_key(L, u, key);
    add_value(L, u, s, key, value);
    return true;
}

/* What was set: each member is kept, changed or gone. The keys go into seen. */
static bool write_members(lua_State *L, struct upgrade *u, struct object *o,
                          int seen)
{
    struct json_iter it;
    bool changed = false;

    json_iter_init(&it, o->text);
    while (json_iter_next(&it)) {
        shared_push_key(L, it.key);
        lua_pushvalue(L, -1);
        lua_pushboolean(L, true);
        lua_rawset(L, seen);
        lua_pushvalue(L, -1);
        lua_rawget(L, o->after); /* key, value */
        if (write_member(L, u, o, &it))
            changed = true;
        lua_settop(L, seen);
    }
    return changed;
}

static bool was_seen(lua_State *L, int seen, int key)
{
    bool was;

    if (!seen)
        return false;
    lua_pushvalue(L, key);
    was = lua_rawget(L, seen) != LUA_TNIL;
    lua_pop(L, 1);
    return was;
}

/* Is the value the default at the top, without looking into tables? */
static bool is_default(lua_State *L, int value)
{
    return lua_rawequal(L, value, -1) &&
           (lua_type(L, -1) != LUA_TNUMBER ||
            lua_isinteger(L, value) == lua_isinteger(L, -1));
}

/* What was not set, and is not as the defaults are. */
static bool write_others(lua_State *L, struct upgrade *u, struct object *o,
                         int seen)
{
    int top = lua_gettop(L);
    bool changed = false;

    lua_pushnil(L);
    while (lua_next(L, o->after)) { /* key, value */
        if (lua_type(L, top + 1) != LUA_TSTRING)
            luaL_error(L, "an upgrade left a key that is not a text: [%s]",
                       luaL_tolstring(L, top + 1, NULL));
        if (o->defaults) {
            lua_pushvalue(L, top + 1);
            lua_rawget(L, o->defaults);
        } else {
            lua_pushnil(L);
        }
        if (!is_default(L, top + 2) && !was_seen(L, seen, top + 1) &&
            write_other(L, u, o))
            changed = true;
        lua_settop(L, top + 1);
    }
    return changed;
}

/*
 * Write the object if it is not what it was: CHANGED. SAME and EMPTIED (nothing
 * is left of what was set) write nothing.
 */
static enum outcome write_object(lua_State *L, struct upgrade *u,
                                 struct object *o)
{
    size_t start = u->out->len;
    int top = lua_gettop(L), seen = 0;
    bool changed = false;

    luaL_checkstack(L, 20, "a config is nested too deep");
    if (u->depth++ == DEPTH_MAX)
        luaL_error(L, "a config is nested more than %d deep", DEPTH_MAX);
    if (o->text.p) {
        begin(L, u, o);
        lua_createtable(L, 0, 8);
        seen = top + 1;
        changed = write_members(L, u, o, seen);
    }
    if (write_others(L, u, o, seen))
        changed = true;
    lua_settop(L, top);
    u->depth--;
    if (changed && u->out->data[u->out->len - 1] != '{') {
        buf_addc(u->out, '}');
        return CHANGED;
    }
    cut(u->out, start);
    return changed ? EMPTIED : SAME;
}

/* --- running them ----------------------------------------------------------------------- */

/* The file of the step, for an error. ar keeps the text. */
static const char *step_file(lua_State *L, const struct upgrade *u,
                             lua_Debug *ar)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, u->gen->upgrades_ref);
    lua_rawgeti(L, -1, u->step);
    lua_remove(L, -2);
    if (!lua_isfunction(L, -1)) {
        lua_pop(L, 1);
        return "the upgrade";
    }
    lua_getinfo(L, ">S", ar);
    return ar->short_src;
}

static void run_steps(lua_State *L, struct upgrade *u, int config, int move)
{
    lua_Debug ar;

    lua_rawgeti(L, LUA_REGISTRYINDEX, u->gen->upgrades_ref);
    for (int i = u->version + 1; i <= u->gen->config_version; i++) {
        u->step = i;
        lua_rawgeti(L, -1, i);
        lua_pushvalue(L, config);
        lua_pushvalue(L, move);
        lua_call(L, 2, 1);
        if (!lua_isnil(L, -1) && !lua_rawequal(L, -1, config))
            luaL_error(L,
                       "%s: returned a %s; it should change the config that "
                       "it is given",
                       step_file(L, u, &ar), luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int run(lua_State *L)
{
    struct upgrade *u = lua_touserdata(L, 1);
    struct object root = { .section = u->gen->schema, .text = u->text };
    size_t start = u->out->len;
    enum outcome outcome;
    int move;

    shared_push_merged(L, u->gen, u->text);
    root.after = lua_gettop(L);
    moves_begin(L, u->gen, &u->text, root.after);
    move = lua_gettop(L);
    run_steps(L, u, root.after, move);
    shared_push_defaults(L, u->gen, u->gen->schema);
    root.defaults = lua_gettop(L);
    outcome = write_object(L, u, &root);
    if (outcome == SAME)
        buf_add_slice(u->out, u->text);
    else if (outcome == EMPTIED)
        buf_adds(u->out, "{}");
    moves_add(L, move, root.after, u->out, start);
    return 0;
}

/* The error at the top says where, if it is a text. */
static void add_error(lua_State *L, const struct upgrade *u, bool overran,
                      struct buf *why)
{
    lua_Debug ar;

    if (overran) {
        buf_addf(why, "%s: it computes for too long", step_file(L, u, &ar));
        return;
    }
    if (raised_is_no_text(L, -1))
        buf_addf(why, "%s: ", step_file(L, u, &ar));
    vm_add_error(L, -1, why);
}

bool upgrade_config(int64_t chat_id, struct slice text, int version,
                    struct buf *out, struct err *err, void *arg)
{
    struct generation *gen = arg;
    lua_State *L = gen->L;
    struct upgrade u = { .gen = gen,
                         .text = text,
                         .version = version,
                         .out = out,
                         .json = BUF_INIT };
    struct buf why = BUF_INIT;
    size_t start = out->len;
    int top = lua_gettop(L);
    bool overran = false, ok;

    (void)chat_id;
    if (version < 0)
        return err_set(err, ERR_SCRIPT, "its version is %d", version);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, &u);
    watchdog_enter(L, WATCHDOG_TASK, &overran);
    ok = lua_pcall(L, 1, 0, 0) == LUA_OK && !overran;
    watchdog_leave();
    moves_end(gen);
    if (!ok) {
        cut(out, start);
        add_error(L, &u, overran, &why);
        err_set(err, ERR_SCRIPT, "%s", why.data);
    }
    lua_settop(L, top);
    buf_release(&u.json);
    buf_release(&why);
    return ok;
}
