/*
 * mod_cjson.c - require "cjson" and "cjson.safe": lua-cjson's interface on our
 * exact codec. What differs from lua-cjson 2.1, because there it loses data or
 * writes what is not JSON:
 *   - integers are Lua integers in both directions, exact to 64 bits, and floats
 *     keep all their digits and stay floats (3.0): encode_number_precision() takes
 *     and returns its setting, but nothing is rounded;
 *   - what is decoded from [] is encoded as [] again, {} as {};
 *   - decode takes RFC 8259 only: decode_invalid_numbers() is always false, and
 *     encode_invalid_numbers() knows false and "null";
 *   - strings that are not UTF-8 are an error;
 *   - depth ends at JSON_DEPTH_MAX, also for encode_max_depth(); a text at 32 MB.
 * Settings belong to the instance; cjson.new() makes another.
 */
#include "script/json_lua.h"

#include <lauxlib.h>

#include "script/watchdog.h"

#define LONG 65536     /* bytes: a text that is read in parts */
#define KEEP_MAX 65536 /* a larger buffer is not kept for the next encode */

struct cjson {
    struct json_lua_options options;
    int ratio, safe; /* as scripts see them: 0 is 0 */
    int decode_depth, precision;
    bool keep_buffer, mark_arrays;
    bool busy; /* buf is in use: an encode() that a metamethod calls must not */
    struct buf buf;
};

/* --- settings ------------------------------------------------------------------- */

static struct cjson *self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* An optional whole number from min to max, argument arg, into *setting. */
static void take_int(lua_State *L, int arg, int min, int max, int *setting)
{
    lua_Integer n;

    if (lua_isnoneornil(L, arg))
        return;
    n = luaL_checkinteger(L, arg);
    if (n < min || n > max)
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "expected %d to %d", min, max));
    *setting = (int)n;
}

static void take_bool(lua_State *L, int arg, bool *setting)
{
    if (lua_isnoneornil(L, arg))
        return;
    luaL_checktype(L, arg, LUA_TBOOLEAN);
    *setting = lua_toboolean(L, arg);
}

static int set_int(lua_State *L, int min, int max, int *setting)
{
    take_int(L, 1, min, max, setting);
    lua_pushinteger(L, *setting);
    return 1;
}

static int set_bool(lua_State *L, bool *setting)
{
    take_bool(L, 1, setting);
    lua_pushboolean(L, *setting);
    return 1;
}

static void set_flag(struct cjson *c, unsigned flag, bool on)
{
    c->options.flags = on ? c->options.flags | flag : c->options.flags & ~flag;
}

/* encode_sparse_array([convert [, ratio [, safe]]]) -> convert, ratio, safe */
static int encode_sparse_array(lua_State *L)
{
    struct cjson *c = self(L);
    bool convert = c->options.flags & JSON_LUA_SPARSE_AS_OBJECTS;

    take_bool(L, 1, &convert);
    take_int(L, 2, 0, INT32_MAX, &c->ratio);
    take_int(L, 3, 0, INT32_MAX, &c->safe);
    set_flag(c, JSON_LUA_SPARSE_AS_OBJECTS, convert);
    c->options.sparse_ratio = c->ratio ? c->ratio : -1;
    c->options.sparse_safe = c->safe ? c->safe : -1;
    lua_pushboolean(L, convert);
    lua_pushinteger(L, c->ratio);
    lua_pushinteger(L, c->safe);
    return 3;
}

/* encode_max_depth([depth]) -> depth */
static int encode_max_depth(lua_State *L)
{
    return set_int(L, 1, JSON_DEPTH_MAX, &self(L)->options.depth_max);
}

/* decode_max_depth([depth]) -> depth */
static int decode_max_depth(lua_State *L)
{
    return set_int(L, 1, JSON_DEPTH_MAX, &self(L)->decode_depth);
}

/* encode_number_precision([digits]) -> digits; changes nothing */
static int encode_number_precision(lua_State *L)
{
    return set_int(L, 1, 17, &self(L)->precision);
}

/* encode_keep_buffer([keep]) -> keep */
static int encode_keep_buffer(lua_State *L)
{
    struct cjson *c = self(L);

    set_bool(L, &c->keep_buffer);
    if (!c->keep_buffer && !c->busy)
        buf_release(&c->buf);
    return 1;
}

/* encode_invalid_numbers([false | "null"]) -> false | "null" */
static int encode_invalid_numbers(lua_State *L)
{
    static const char *const names[] = { "null", NULL };
    struct cjson *c = self(L);

    if (lua_isboolean(L, 1)) {
        luaL_argcheck(L, !lua_toboolean(L, 1), 1,
                      "JSON has no such numbers: false or \"null\"");
        set_flag(c, JSON_LUA_INVALID_NUMBERS_AS_NULL, false);
    } else if (!lua_isnoneornil(L, 1)) {
        luaL_checkoption(L, 1, NULL, names);
        set_flag(c, JSON_LUA_INVALID_NUMBERS_AS_NULL, true);
    }
    if (c->options.flags & JSON_LUA_INVALID_NUMBERS_AS_NULL)
        lua_pushliteral(L, "null");
    else
        lua_pushboolean(L, false);
    return 1;
}

/* decode_invalid_numbers([false]) -> false */
static int decode_invalid_numbers(lua_State *L)
{
    bool on = false;

    take_bool(L, 1, &on);
    luaL_argcheck(L, !on, 1, "JSON has no such numbers: only false");
    lua_pushboolean(L, false);
    return 1;
}

/* decode_array_with_array_mt([mark]) -> mark */
static int decode_array_with_array_mt(lua_State *L)
{
    return set_bool(L, &self(L)->mark_arrays);
}

/* --- encode, decode --------------------------------------------------------------- */

/* The second upvalue: is this cjson.safe? Push nil and the message, or raise it. */
static int give_up(lua_State *L, const struct err *err)
{
    if (!lua_toboolean(L, lua_upvalueindex(2)))
        return luaL_error(L, "%s", err->text);
    luaL_pushfail(L);
    lua_pushstring(L, err->text);
    return 2;
}

/* The buf is free for the next encode(), if its memory is to be kept. */
static void put_back(struct cjson *c)
{
    c->busy = false;
    if (!c->keep_buffer || c->buf.cap > KEEP_MAX)
        buf_release(&c->buf);
}

/*
 * encode(value) -> text. If Lua raises in here for want of memory, the instance's
 * buf stays busy and later calls use one of their own: slower, and right.
 */
static int encode(lua_State *L)
{
    struct cjson *c = self(L);
    struct err err = ERR_INIT;
    bool own = c->busy, ok;
    struct buf *out = &c->buf;

    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    if (own)
        out = json_push_buf(L);
    c->busy = true;
    buf_reset(out);
    ok = json_add_lua(L, 1, &c->options, out, &err);
    if (ok)
        lua_pushlstring(L, out->data, out->len);
    if (!own)
        put_back(c);
    return ok ? 1 : give_up(L, &err);
}

/* Stack: the text, the reader, what it has pushed. */
static int decode_on(lua_State *L, int status, lua_KContext ctx)
{
    struct err err = ERR_INIT;

    (void)status;
    (void)ctx;
    switch (json_long_read(L, lua_touserdata(L, 2), &err)) {
    case JSON_LONG_DONE: return 1;
    case JSON_LONG_WANTS_WAY: return watchdog_give_way(L, 0, decode_on);
    default: return give_up(L, &err);
    }
}

/* decode(text) -> value */
static int decode(lua_State *L)
{
    struct cjson *c = self(L);
    struct err err = ERR_INIT;
    struct slice text;

    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    text.p = lua_tolstring(L, 1, &text.n);
    if (!text.p) {
        err_set(&err, ERR_JSON, "expected a string, got %s",
                luaL_typename(L, 1));
        return give_up(L, &err);
    }
    if (text.n >= LONG) {
        json_long_push(L, text, c->decode_depth, c->mark_arrays);
        return decode_on(L, LUA_OK, 0);
    }
    return json_push_text(L, text, c->decode_depth, c->mark_arrays, &err)
               ? 1
               : give_up(L, &err);
}

/* --- the module --------------------------------------------------------------------- */

static int release(lua_State *L)
{
    struct cjson *c = lua_touserdata(L, 1);

    buf_release(&c->buf);
    return 0;
}

/* [-0, +1, m] */
static void push_settings(lua_State *L)
{
    struct cjson *c = lua_newuserdatauv(L, sizeof(*c), 0);

    *c = (struct cjson){
        .options = { .depth_max = JSON_DEPTH_MAX },
        .ratio = JSON_LUA_SPARSE_RATIO,
        .safe = JSON_LUA_SPARSE_SAFE,
        .decode_depth = JSON_DEPTH_MAX,
        .precision = 14,
        .keep_buffer = true,
        .buf = BUF_INIT,
    };
    if (luaL_newmetatable(L, "moonpost.cjson")) {
        lua_pushcfunction(L, release);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
}

static const luaL_Reg functions[] = {
    { "encode", encode },
    { "decode", decode },
    { "encode_sparse_array", encode_sparse_array },
    { "encode_max_depth", encode_max_depth },
    { "decode_max_depth", decode_max_depth },
    { "encode_number_precision", encode_number_precision },
    { "encode_keep_buffer", encode_keep_buffer },
    { "encode_invalid_numbers", encode_invalid_numbers },
    { "decode_invalid_numbers", decode_invalid_numbers },
    { "decode_array_with_array_mt", decode_array_with_array_mt },
    { NULL, NULL },
};

static int open_module(lua_State *L, bool safe)
{
    luaL_newlibtable(L, functions);
    push_settings(L);
    lua_pushboolean(L, safe);
    luaL_setfuncs(L, functions, 2);
    lua_pushcfunction(L, safe ? luaopen_cjson_safe : luaopen_cjson);
    lua_setfield(L, -2, "new");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushlightuserdata(L, JSON_EMPTY_ARRAY);
    lua_setfield(L, -2, "empty_array");
    json_push_array_mt(L);
    lua_setfield(L, -2, "array_mt");
    json_push_empty_array_mt(L);
    lua_setfield(L, -2, "empty_array_mt");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0");
    lua_setfield(L, -2, "_VERSION");
    return 1;
}

int luaopen_cjson(lua_State *L)
{
    return open_module(L, false);
}

int luaopen_cjson_safe(lua_State *L)
{
    return open_module(L, true);
}
