/*
 * json_lua.c - JSON text to Lua values; see json_lua.h. The other way is in
 * json_lua_write.c.
 *
 * A table's size is not known before its end, and a table that grows one by one
 * is allocated many times. So members wait on Lua's stack, and the table is made
 * for as many as they are when it ends or CHUNK of them are there.
 */
#include "script/json_lua.h"

#include <assert.h>
#include <lauxlib.h>

#include "script/watchdog.h"

#define CHUNK 32 /* elements, or keys and values, that wait on the stack */

struct decoder {
    lua_State *L;
    bool mark_arrays;
    struct json_reader reader;
};

/* --- metatables, and a buf for the collector ------------------------------------ */

const char json_empty_array = 0;
static const char array_mt_key, empty_array_mt_key, constant_mt_key, buf_mt_key;

/* Push the table in the registry at key, made when first asked for. */
static bool push_registered(lua_State *L, const void *key)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE)
        return false;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    return true;
}

static int refuse_write(lua_State *L)
{
    return luaL_error(L, "cjson's metatables can't be changed");
}

/* They are one for all scripts, outlive a reload, and are set by C: what a script
 * put there, a __gc above all, would go around setmetatable()'s checks. */
static void push_constant(lua_State *L, const void *key)
{
    if (!push_registered(L, key))
        return;
    if (push_registered(L, &constant_mt_key)) {
        lua_pushcfunction(L, refuse_write);
        lua_setfield(L, -2, "__newindex");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

void json_push_array_mt(lua_State *L)
{
    push_constant(L, &array_mt_key);
}

void json_push_empty_array_mt(lua_State *L)
{
    push_constant(L, &empty_array_mt_key);
}

void json_check_writable(lua_State *L, int index)
{
    const void *p = lua_topointer(L, index);

    json_push_array_mt(L);
    json_push_empty_array_mt(L);
    if (p == lua_topointer(L, -1) || p == lua_topointer(L, -2))
        refuse_write(L);
    lua_pop(L, 2);
}

static int release_buf(lua_State *L)
{
    buf_release(lua_touserdata(L, 1));
    return 0;
}

struct buf *json_push_buf(lua_State *L)
{
    struct buf *b = lua_newuserdatauv(L, sizeof(*b), 0);

    buf_init(b);
    if (push_registered(L, &buf_mt_key)) {
        lua_pushcfunction(L, release_buf);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return b;
}

/* --- values ---------------------------------------------------------------------- */

static bool push_value(struct decoder *d, enum json_token token);

static void push_text(lua_State *L, const struct json_reader *r)
{
    luaL_Buffer b;
    char *to;

    if (!r->escaped) {
        lua_pushlstring(L, r->text.p, r->text.n);
        return;
    }
    to = luaL_buffinitsize(L, &b, r->text.n);
    luaL_pushresultsize(&b, json_unescape(to, r->text));
}

/* Move n elements from above base into the table at base, after done others. */
static void take_elements(lua_State *L, int base, int n, lua_Integer done)
{
    if (done == 0) {
        lua_createtable(L, n, 0);
        lua_replace(L, base);
    }
    for (int i = 1; i <= n; i++) {
        lua_pushvalue(L, base + i);
        lua_rawseti(L, base, done + i);
    }
    lua_settop(L, base);
}

/* The same with n keys and values; in their order, so that the last key counts. */
static void take_members(lua_State *L, int base, int n, bool first)
{
    if (first) {
        lua_createtable(L, 0, n / 2);
        lua_replace(L, base);
    }
    for (int i = 1; i <= n; i += 2) {
        lua_pushvalue(L, base + i);
        lua_pushvalue(L, base + i + 1);
        lua_rawset(L, base);
    }
    lua_settop(L, base);
}

/* Room for a container's table, its members and what take_*() and push_text()
 * push. */
static bool make_room(struct decoder *d)
{
    return lua_checkstack(d->L, CHUNK + 8) ||
           err_set(&d->reader.err, ERR_JSON, "no room left on Lua's stack");
}

static bool push_array(struct decoder *d)
{
    lua_State *L = d->L;
    lua_Integer done = 0;
    enum json_token token;
    int base, n = 0;

    if (!make_room(d))
        return false;
    lua_pushnil(L); /* the table's place */
    base = lua_gettop(L);
    while ((token = json_read(&d->reader)) != JSON_T_ARRAY_END) {
        if (n == CHUNK) {
            take_elements(L, base, n, done);
            done += n;
            n = 0;
        }
        if (!push_value(d, token))
            return false;
        n++;
    }
    take_elements(L, base, n, done);
    if (d->mark_arrays)
        json_push_array_mt(L);
    else if (done + n == 0)
        json_push_empty_array_mt(L);
    else
        return true;
    lua_setmetatable(L, base);
    return true;
}

static bool push_object(struct decoder *d)
{
    lua_State *L = d->L;
    enum json_token token;
    bool first = true;
    int base, n = 0;

    if (!make_room(d))
        return false;
    lua_pushnil(L);
    base = lua_gettop(L);
    while ((token = json_read(&d->reader)) == JSON_T_KEY) {
        if (n == CHUNK) {
            take_members(L, base, n, first);
            first = false;
            n = 0;
        }
        push_text(L, &d->reader);
        if (!push_value(d, json_read(&d->reader)))
            return false;
        n += 2;
    }
    if (token != JSON_T_OBJECT_END)
        return false;
    take_members(L, base, n, first);
    return true;
}

static bool push_value(struct decoder *d, enum json_token token)
{
    lua_State *L = d->L;

    switch (token) {
    case JSON_T_NULL: lua_pushlightuserdata(L, NULL); break;
    case JSON_T_TRUE: lua_pushboolean(L, true); break;
    case JSON_T_FALSE: lua_pushboolean(L, false); break;
    case JSON_T_INT: lua_pushinteger(L, d->reader.integer); break;
    case JSON_T_DOUBLE: lua_pushnumber(L, d->reader.number); break;
    case JSON_T_STRING: push_text(L, &d->reader); break;
    case JSON_T_ARRAY: return push_array(d);
    case JSON_T_OBJECT: return push_object(d);
    default: return false;
    }
    return true;
}

bool json_push_text(lua_State *L, struct slice text, int depth_max,
                    bool mark_arrays, struct err *err)
{
    struct decoder d = { .L = L, .mark_arrays = mark_arrays };
    int top = lua_gettop(L);

    json_reader_init(&d.reader, text, depth_max);
    if (make_room(&d) && push_value(&d, json_read(&d.reader)) &&
        json_read(&d.reader) == JSON_T_END)
        return true;
    lua_settop(L, top);
    return err_set(err, ERR_JSON, "%s", d.reader.err.text);
}

/* --- long texts, in parts ---------------------------------------------------------- */

/* A container that is open: its table's place, and what waits above that. */
struct level {
    int base, n;
    lua_Integer done;
    bool is_array;
};

struct json_long {
    struct decoder decoder;
    int depth;
    struct level levels[JSON_DEPTH_MAX];
};

#define TOKENS_PER_LOOK 500

struct json_long *json_long_push(lua_State *L, struct slice text, int depth_max,
                                 bool mark_arrays)
{
    struct json_long *l = lua_newuserdatauv(L, sizeof(*l), 0);

    l->decoder.mark_arrays = mark_arrays;
    l->depth = 0;
    json_reader_init(&l->decoder.reader, text, depth_max);
    return l;
}

static void take_waiting(lua_State *L, struct level *at)
{
    if (at->is_array)
        take_elements(L, at->base, at->n, at->done);
    else
        take_members(L, at->base, at->n, at->done == 0);
    at->done += at->n;
    at->n = 0;
}

static bool open_level(struct json_long *l, bool is_array)
{
    lua_State *L = l->decoder.L;

    if (!make_room(&l->decoder))
        return false;
    lua_pushnil(L); /* the table's place */
    l->levels[l->depth++] =
        (struct level){ .base = lua_gettop(L), .is_array = is_array };
    return true;
}

static void close_level(struct json_long *l)
{
    lua_State *L = l->decoder.L;
    struct level *at = &l->levels[--l->depth];

    take_waiting(L, at);
    if (!at->is_array)
        return;
    if (l->decoder.mark_arrays)
        json_push_array_mt(L);
    else if (at->done == 0)
        json_push_empty_array_mt(L);
    else
        return;
    lua_setmetatable(L, at->base);
}

/* One token; false: it is no value's. */
static bool add_token(struct json_long *l, enum json_token token)
{
    struct level *at = l->depth ? &l->levels[l->depth - 1] : NULL;

    switch (token) {
    case JSON_T_ARRAY:
    case JSON_T_OBJECT:
        if (at)
            at->n++;
        return open_level(l, token == JSON_T_ARRAY);
    case JSON_T_ARRAY_END:
    case JSON_T_OBJECT_END: close_level(l); break;
    case JSON_T_KEY:
        push_text(l->decoder.L, &l->decoder.reader);
        at->n++;
        return true;
    default:
        if (!push_value(&l->decoder, token))
            return false;
        if (at)
            at->n++;
    }
    at = l->depth ? &l->levels[l->depth - 1] : NULL;
    if (at && at->n == CHUNK)
        take_waiting(l->decoder.L, at);
    return true;
}

enum json_long_result json_long_read(lua_State *L, struct json_long *l,
                                     struct err *err)
{
    l->decoder.L = L;
    if (!l->depth && !make_room(&l->decoder))
        goto failed;
    for (int n = 1;; n++) {
        if (!add_token(l, json_read(&l->decoder.reader)))
            goto failed;
        if (!l->depth)
            break;
        if (n % TOKENS_PER_LOOK == 0 && watchdog_wants_way(L))
            return JSON_LONG_WANTS_WAY;
    }
    if (json_read(&l->decoder.reader) == JSON_T_END)
        return JSON_LONG_DONE;
failed:
    err_set(err, ERR_JSON, "%s", l->decoder.reader.err.text);
    return JSON_LONG_FAILED;
}

void json_push(lua_State *L, struct slice valid)
{
    struct err err = ERR_INIT;

    if (json_push_text(L, valid, JSON_DEPTH_MAX, false, &err))
        return;
    luaL_error(L, "%s", err.text); /* only Lua's stack may be full */
}
