/* db_values.c - see db_values.h. */
#include "script/db_values.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/db_typed.h"
#include "script/json_lua.h"
#include "script/lazy.h"

#define BYTES_MT "moonpost.db.bytes"
#define DIMENSIONS_MAX 6 /* PostgreSQL's MAXDIM */
#define ARRAY_MAX 1000000

/* --- parameters --------------------------------------------------------------------- */

static bool has_mt(lua_State *L, int index, const char *name)
{
    bool has = false;

    if (lua_getmetatable(L, index)) {
        luaL_getmetatable(L, name);
        has = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return has;
}

static bool is_null(lua_State *L, int index)
{
    return lua_isnil(L, index) ||
           (lua_islightuserdata(L, index) && !lua_touserdata(L, index));
}

static void add_float(struct buf *out, double d)
{
    char text[40];

    if (isnan(d))
        buf_adds(out, "NaN");
    else if (isinf(d))
        buf_adds(out, d > 0 ? "Infinity" : "-Infinity");
    else if (d >= -0x1p63 && d < 0x1p63 && d == floor(d))
        buf_add_int(out, (int64_t)d);
    else {
        snprintf(text, sizeof(text), "%.17g", d);
        buf_adds(out, text);
    }
}

static void add_hex(struct buf *out, const char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    buf_adds(out, "\\x");
    for (size_t i = 0; i < n; i++) {
        buf_addc(out, digits[(unsigned char)bytes[i] >> 4]);
        buf_addc(out, digits[bytes[i] & 15]);
    }
}

static void add_json(lua_State *L, const char *what, int number, int index,
                     struct buf *out)
{
    struct err err = ERR_INIT;

    if (!json_add_lua(L, index, NULL, out, &err))
        luaL_error(L, "%s: $%d: %s", what, number, err.text);
}

/* Inside the quotes of an array's element. */
static void add_quoted(struct buf *out, const char *text, size_t n)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, text[i]);
    }
    buf_addc(out, '"');
}

static void add_value(lua_State *L, const char *what, int number, int index,
                      int depth, struct buf *out);

/* Through a text of its own, which is then quoted. */
static void add_element(lua_State *L, const char *what, int number, int index,
                        int depth, struct buf *out)
{
    struct buf *text;

    if (is_null(L, index)) {
        buf_adds(out, "NULL");
        return;
    }
    if (lua_istable(L, index) && has_mt(L, index, DB_ARRAY_MT)) {
        add_value(L, what, number, index, depth, out);
        return;
    }
    text = json_push_buf(L);
    add_value(L, what, number, index, depth, text);
    add_quoted(out, text->data, text->len);
    lua_pop(L, 1);
}

static void add_array(lua_State *L, const char *what, int number, int index,
                      int depth, struct buf *out)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);

    if (depth > DIMENSIONS_MAX) /* it may have been put into itself */
        luaL_error(L, "%s: $%d: an array has at most %d dimensions", what,
                   number, DIMENSIONS_MAX);
    luaL_checkstack(L, 6, "arrays within each other");
    buf_addc(out, '{');
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            buf_addc(out, ',');
        lua_rawgeti(L, index, i);
        add_element(L, what, number, lua_gettop(L), depth + 1, out);
        lua_pop(L, 1);
    }
    buf_addc(out, '}');
}

static void add_table(lua_State *L, const char *what, int number, int index,
                      int depth, struct buf *out)
{
    size_t n;
    const char *bytes;

    if (has_mt(L, index, DB_ARRAY_MT)) {
        add_array(L, what, number, index, depth, out);
    } else if (has_mt(L, index, BYTES_MT)) {
        lua_rawgeti(L, index, 1);
        bytes = lua_tolstring(L, -1, &n);
        add_hex(out, bytes ? bytes : "", n);
        lua_pop(L, 1);
    } else {
        lazy_settle(L, index);
        add_json(L, what, number, index, out);
    }
}

/* index is absolute; the value is not nil. depth: of the array that it is, from 1. */
static void add_value(lua_State *L, const char *what, int number, int index,
                      int depth, struct buf *out)
{
    size_t n;
    const char *text;

    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        buf_adds(out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            buf_add_int(out, lua_tointeger(L, index));
        else
            add_float(out, lua_tonumber(L, index));
        break;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &n);
        if (memchr(text, 0, n))
            luaL_error(L,
                       "%s: $%d: PostgreSQL's texts have no NUL byte; bytes "
                       "are sent by db.bytes(…)",
                       what, number);
        buf_add(out, text, n);
        break;
    case LUA_TTABLE: add_table(L, what, number, index, depth, out); break;
    case LUA_TLIGHTUSERDATA:
    case LUA_TUSERDATA: add_json(L, what, number, index, out); break;
    default:
        luaL_error(L, "%s: $%d: a %s can't be sent", what, number,
                   luaL_typename(L, index));
    }
}

struct slice *db_push_params(lua_State *L, const char *what, int first, int n)
{
    struct slice *params =
        lua_newuserdatauv(L, sizeof(*params) * (size_t)(n + 1), 1);
    struct buf *bytes = json_push_buf(L);
    size_t at = 0;

    for (int i = 0; i < n; i++) { /* p: not yet, the bytes may move */
        params[i] = SLICE_NONE;
        if (is_null(L, first + i))
            continue;
        add_value(L, what, i + 1, first + i, 1, bytes);
        params[i] = (struct slice){ "", bytes->len - at };
        at = bytes->len;
    }
    at = 0;
    for (int i = 0; i < n; i++) {
        if (!params[i].p)
            continue;
        params[i].p = bytes->data + at;
        at += params[i].n;
    }
    lua_setiuservalue(L, -2, 1);
    return params;
}

/* --- db.array, db.bytes ----------------------------------------------------------------- */

void db_push_array_mt(lua_State *L)
{
    if (luaL_newmetatable(L, DB_ARRAY_MT)) {
        lua_pushliteral(L, "db.array");
        lua_setfield(L, -2, "__name");
        lua_pushboolean(L, false); /* it is all scripts', and outlives them */
        lua_setfield(L, -2, "__metatable");
    }
}

int db_array(lua_State *L)
{
    lua_Integer n;

    luaL_checktype(L, 1, LUA_TTABLE);
    lazy_settle(L, 1);
    n = luaL_len(L, 1);
    luaL_argcheck(L, n <= ARRAY_MAX, 1, "more than 1000000 elements");
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, i);
    }
    db_push_array_mt(L);
    lua_setmetatable(L, -2);
    return 1;
}

int db_bytes(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    if (luaL_newmetatable(L, BYTES_MT)) {
        lua_pushliteral(L, "db.bytes");
        lua_setfield(L, -2, "__name");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return 1;
}

/* --- rows ---------------------------------------------------------------------------------- */

void db_push_row(lua_State *L, const struct pg_answer *answer, size_t *at)
{
    lua_createtable(L, 0, answer->ncolumns);
    for (int i = 0; i < answer->ncolumns; i++) {
        struct slice text = pg_answer_next(answer, at);

        if (!text.p)
            continue;
        lua_pushstring(L, answer->columns[i].name);
        db_push_typed(L, answer->columns[i].type, text);
        lua_rawset(L, -3);
    }
}

void db_push_value(lua_State *L, const struct pg_answer *answer)
{
    struct slice text = SLICE_NONE;
    size_t at = 0;

    if (answer->nrows && answer->ncolumns)
        text = pg_answer_next(answer, &at);
    if (text.p)
        db_push_typed(L, answer->columns[0].type, text);
    else
        lua_pushnil(L);
}
