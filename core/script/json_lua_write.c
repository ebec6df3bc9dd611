/*
 * json_lua_write.c - Lua values to JSON text; see json_lua.h.
 *
 * The way to the value at hand is a list of steps on the C stack, from the
 * innermost outwards: it is read only to name the place of an error.
 */
#include "script/json_lua_int.h"
#include "script/watchdog.h"

#include <ctype.h>
#include <lauxlib.h>
#include <math.h>

#define PATH_MAX_STEPS 16 /* of a longer way the rest is not named */

/* --- errors -------------------------------------------------------------------- */

static bool is_name(struct slice key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] != '_' && !isalnum((unsigned char)key.p[i]))
            return false;
    return key.n > 0;
}

/* Append the way from the outermost value; how many steps it has. */
static int add_path(struct buf *path, const struct step *at)
{
    int n = at->up ? add_path(path, at->up) + 1 : 0;

    if (n == 0 || n > PATH_MAX_STEPS) {
        if (n == PATH_MAX_STEPS + 1)
            buf_adds(path, "…");
    } else if (!at->key.p) {
        buf_addf(path, "[%lld]", (long long)at->index);
    } else if (is_name(at->key)) {
        buf_addc(path, '.');
        buf_add_slice(path, at->key);
    } else {
        buf_addc(path, '[');
        json_add_text(path, at->key);
        buf_addc(path, ']');
    }
    return n;
}

/* Calls nothing of Lua while it holds memory. */
bool json_lua_fail(struct encoder *e, const struct step *at, const char *fmt,
                   ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    if (at->up) {
        buf_adds(&text, " at ");
        add_path(&text, at);
    }
    err_set(e->err, ERR_JSON, "%s", text.data);
    buf_release(&text);
    return false;
}

static bool fail_type(struct encoder *e, int index, const struct step *at)
{
    const char *name = luaL_typename(e->L, index);

    if (luaL_getmetafield(e->L, index, "__name") == LUA_TSTRING)
        name = lua_tostring(e->L, -1);
    return json_lua_fail(e, at, "cannot serialise %s", name);
}

/* --- scalars ------------------------------------------------------------------- */

static bool add_text(struct encoder *e, struct slice text,
                     const struct step *at)
{
    struct err bad = ERR_INIT;

    return json_add_string(e->out, text, &bad) ||
           json_lua_fail(e, at, "cannot serialise string: %s", bad.text);
}

static bool add_string(struct encoder *e, int index, const struct step *at)
{
    struct slice text;

    text.p = lua_tolstring(e->L, index, &text.n);
    return add_text(e, text, at);
}

static bool add_number(struct encoder *e, int index, const struct step *at)
{
    lua_Number d = lua_tonumber(e->L, index);
    lua_Integer n;
    bool finite;

    if (lua_isinteger(e->L, index)) {
        buf_add_int(e->out, lua_tointeger(e->L, index));
        return true;
    }
    if ((e->options.flags & JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS) &&
        lua_numbertointeger(floor(d), &n) && floor(d) == d) {
        buf_add_int(e->out, n);
        return true;
    }
    json_add_double(e->out, d, &finite);
    if (finite)
        return true;
    if (!(e->options.flags & JSON_LUA_INVALID_NUMBERS_AS_NULL))
        return json_lua_fail(e, at, "cannot serialise number: NaN or infinity");
    buf_adds(e->out, "null");
    return true;
}

static bool add_light(struct encoder *e, int index, const struct step *at)
{
    void *p = lua_touserdata(e->L, index);

    if (p && p != JSON_EMPTY_ARRAY)
        return fail_type(e, index, at);
    buf_adds(e->out, p ? "[]" : "null");
    return true;
}

/* --- members ------------------------------------------------------------------- */

static void add_comma(struct encoder *e)
{
    char last = e->out->data[e->out->len - 1];

    if (last != '[' && last != '{')
        buf_addc(e->out, ',');
}

bool json_lua_add_element(struct encoder *e, lua_Integer i,
                          const struct step *up)
{
    struct step at = { .up = up, .index = i };

    add_comma(e);
    if (!json_lua_add_value(e, lua_gettop(e->L), &at))
        return false;
    lua_pop(e->L, 1);
    return true;
}

/* A number as key, without lua_tolstring(): that would disturb lua_next(). */
static bool add_number_key(struct encoder *e, int index, const struct step *up)
{
    bool finite = true;

    buf_addc(e->out, '"');
    if (lua_isinteger(e->L, index))
        buf_add_int(e->out, lua_tointeger(e->L, index));
    else
        json_add_double(e->out, lua_tonumber(e->L, index), &finite);
    buf_addc(e->out, '"');
    return finite ||
           json_lua_fail(e, up, "cannot serialise table: infinity as a key");
}

bool json_lua_add_member(struct encoder *e, const struct step *up)
{
    int value = lua_gettop(e->L), key = value - 1;
    struct step at = { .up = up };

    add_comma(e);
    switch (lua_type(e->L, key)) {
    case LUA_TSTRING:
        at.key.p = lua_tolstring(e->L, key, &at.key.n);
        if (!add_text(e, at.key, &at))
            return false;
        break;
    case LUA_TNUMBER:
        at.index = lua_tointeger(e->L, key);
        if (!add_number_key(e, key, up))
            return false;
        break;
    default:
        return json_lua_fail(e, up, "cannot serialise table: a key is a %s",
                             luaL_typename(e->L, key));
    }
    buf_addc(e->out, ':');
    if (!json_lua_add_value(e, value, &at))
        return false;
    lua_pop(e->L, 1);
    return true;
}

/* --- plain tables ---------------------------------------------------------------- */

static bool too_sparse(const struct json_lua_options *o, lua_Integer n,
                       lua_Integer count)
{
    return o->sparse_ratio > 0 && n > o->sparse_safe &&
           n / o->sparse_ratio >= count && n > count * o->sparse_ratio;
}

/* *n: how long an array the table is; -1: an object. */
static bool measure(struct encoder *e, int index, lua_Integer *n,
                    const struct step *at)
{
    lua_State *L = e->L;
    lua_Integer count = 0, i;

    *n = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1); /* key */
        i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        if (i < 1) {
            lua_pop(L, 1);
            *n = -1;
            return true;
        }
        if (i > *n)
            *n = i;
        count++;
    }
    if (!too_sparse(&e->options, *n, count))
        return true;
    *n = -1;
    return (e->options.flags & JSON_LUA_SPARSE_AS_OBJECTS) ||
           json_lua_fail(e, at,
                         "cannot serialise table: excessively sparse array");
}

static bool add_array(struct encoder *e, int index, lua_Integer n,
                      const struct step *at)
{
    buf_addc(e->out, '[');
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(e->L, index, i);
        if (!json_lua_add_element(e, i, at))
            return false;
    }
    buf_addc(e->out, ']');
    return true;
}

static bool add_object(struct encoder *e, int index, const struct step *at)
{
    buf_addc(e->out, '{');
    lua_pushnil(e->L);
    while (lua_next(e->L, index))
        if (!json_lua_add_member(e, at))
            return false;
    buf_addc(e->out, '}');
    return true;
}

static bool add_plain(struct encoder *e, int index, bool array_if_empty,
                      const struct step *at)
{
    lua_Integer n;

    if (!measure(e, index, &n, at))
        return false;
    return n > 0 || (n == 0 && array_if_empty) ? add_array(e, index, n, at)
                                               : add_object(e, index, at);
}

/* --- tables and userdata ------------------------------------------------------------ */

static bool add_table(struct encoder *e, int index, const struct step *at)
{
    bool array_if_empty = false, found;
    const void *mt;

    if (lua_getmetatable(e->L, index)) {
        mt = lua_topointer(e->L, -1);
        lua_pop(e->L, 1);
        if (mt == e->array_mt)
            return add_array(e, index, (lua_Integer)lua_rawlen(e->L, index),
                             at);
        array_if_empty = mt == e->empty_array_mt;
        if (!array_if_empty) {
            if (!json_lua_add_by_metatable(e, index, &found, at))
                return false;
            if (found)
                return true;
        }
    }
    return add_plain(e, index, array_if_empty, at);
}

static bool add_userdata(struct encoder *e, int index, const struct step *at)
{
    size_t old = e->out->len;
    bool found;

    if (e->options.userdata &&
        e->options.userdata(e->L, index, e->out, e->options.arg))
        return true;
    e->out->len = old;
    if (!json_lua_add_by_metatable(e, index, &found, at))
        return false;
    return found || fail_type(e, index, at);
}

/* --- all of it ----------------------------------------------------------------------- */

static bool add_nested(struct encoder *e, int index, const struct step *at)
{
    int top = lua_gettop(e->L);
    bool ok;

    if (e->depth == e->options.depth_max)
        return json_lua_fail(e, at,
                             "cannot serialise: nested more than %d deep",
                             e->depth);
    if (!lua_checkstack(e->L, 16))
        return json_lua_fail(e, at,
                             "cannot serialise: no room left on Lua's stack");
    e->depth++;
    ok = lua_istable(e->L, index) ? add_table(e, index, at)
                                  : add_userdata(e, index, at);
    e->depth--;
    lua_settop(e->L, top);
    return ok;
}

bool json_lua_add_value(struct encoder *e, int index, const struct step *at)
{
    if (watchdog_is_over(e->L)) /* no hook runs here */
        return json_lua_fail(e, at, "it computes for too long");
    if (e->out->len - e->begin > JSON_LUA_SIZE_MAX)
        return json_lua_fail(e, at, "cannot serialise: more than %zu bytes",
                             JSON_LUA_SIZE_MAX);
    switch (lua_type(e->L, index)) {
    case LUA_TNIL: buf_adds(e->out, "null"); return true;
    case LUA_TBOOLEAN:
        buf_adds(e->out, lua_toboolean(e->L, index) ? "true" : "false");
        return true;
    case LUA_TNUMBER: return add_number(e, index, at);
    case LUA_TSTRING: return add_string(e, index, at);
    case LUA_TLIGHTUSERDATA: return add_light(e, index, at);
    case LUA_TTABLE:
    case LUA_TUSERDATA: return add_nested(e, index, at);
    default: return fail_type(e, index, at);
    }
}

static struct json_lua_options filled(const struct json_lua_options *options)
{
    struct json_lua_options o = { 0 };

    if (options)
        o = *options;
    if (o.depth_max == 0)
        o.depth_max = JSON_DEPTH_MAX;
    if (o.sparse_ratio == 0)
        o.sparse_ratio = JSON_LUA_SPARSE_RATIO;
    if (o.sparse_safe == 0)
        o.sparse_safe = JSON_LUA_SPARSE_SAFE;
    else if (o.sparse_safe < 0)
        o.sparse_safe = 0;
    return o;
}

static const void *pointer_of_top(lua_State *L)
{
    const void *p = lua_topointer(L, -1);

    lua_pop(L, 1);
    return p;
}

bool json_add_lua(lua_State *L, int index,
                  const struct json_lua_options *options, struct buf *out,
                  struct err *err)
{
    struct encoder e = { .L = L, .out = out, .err = err, .begin = out->len };
    struct step at = { 0 };
    int top = lua_gettop(L);

    e.options = filled(options);
    index = lua_absindex(L, index);
    luaL_checkstack(L, 4, NULL);
    json_push_array_mt(L);
    e.array_mt = pointer_of_top(L);
    json_push_empty_array_mt(L);
    e.empty_array_mt = pointer_of_top(L);
    if (json_lua_add_value(&e, index, &at))
        return true;
    lua_settop(L, top);
    out->len = e.begin;
    if (out->cap)
        out->data[out->len] = '\0';
    return false;
}
