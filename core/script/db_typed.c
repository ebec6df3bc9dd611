/*
 * db_typed.c - see db_typed.h: values of PostgreSQL's text format. The numbers of
 * types are those of its catalog (pg_type.dat), which never change.
 */
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "script/db_typed.h"
#include "script/json_lua.h"

#define DEPTH_MAX 6 /* dimensions of PostgreSQL's arrays */

enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    OID = 26,
    JSON = 114,
    FLOAT4 = 700,
    FLOAT8 = 701,
    TIMESTAMPTZ = 1184,
    NUMERIC = 1700,
    JSONB = 3802,
};

/* Of an array to that of its elements; 0: it is no array that we know. */
static unsigned element_type(unsigned type)
{
    static const unsigned arrays[][2] = {
        { 1000, BOOL },
        { 1001, BYTEA },
        { 1005, INT2 },
        { 1007, INT4 },
        { 1016, INT8 },
        { 1028, OID },
        { 199, JSON },
        { 1021, FLOAT4 },
        { 1022, FLOAT8 },
        { 1231, NUMERIC },
        { 3807, JSONB },
        { 1185, TIMESTAMPTZ },
        /* texts: text, varchar, char(n), name, uuid, date, timestamp, time */
        { 1009, 25 },
        { 1015, 25 },
        { 1014, 25 },
        { 1003, 25 },
        { 2951, 25 },
        { 1182, 25 },
        { 1115, 25 },
        { 1183, 25 },
    };

    for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
        if (arrays[i][0] == type)
            return arrays[i][1];
    return 0;
}

static void push_text(lua_State *L, struct slice text)
{
    lua_pushlstring(L, text.p, text.n);
}

/* --- numbers ----------------------------------------------------------------------- */

static bool push_integer(lua_State *L, struct slice text)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text.p, &end, 10);
    if (errno || !text.n || end != text.p + text.n)
        return false;
    lua_pushinteger(L, n);
    return true;
}

/* strtod() knows "NaN", "Infinity" and "-Infinity" too. */
static bool push_float(lua_State *L, struct slice text)
{
    char *end;
    double d = strtod(text.p, &end);

    if (!text.n || end != text.p + text.n)
        return false;
    lua_pushnumber(L, d);
    return true;
}

/* --- times --------------------------------------------------------------------------- */

/* Of the Gregorian calendar, as PostgreSQL has it for all times; after Howard
 * Hinnant's "chrono-compatible low-level date algorithms". */
static int64_t days_since_1970(int64_t y, int m, int d)
{
    int64_t era, in_era, day_of_year;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    in_era = y - era * 400;
    day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 +
           day_of_year - 719468;
}

/* "+05:30" or "-03" → seconds; *p is moved behind it. */
static int read_zone(const char **p)
{
    int sign = **p == '-' ? -1 : 1, part[3] = { 0 }, n = 0;

    do {
        char *end;

        part[n] = (int)strtol(*p + 1, &end, 10);
        *p = end;
    } while (++n < 3 && **p == ':');
    return sign * (part[0] * 3600 + part[1] * 60 + part[2]);
}

/* "2026-11-23 14:10:53.25+00", perhaps with " BC": what DateStyle ISO gives. */
static bool push_time(lua_State *L, struct slice text)
{
    long long y;
    int mo, d, h, mi, n = 0, zone;
    double s;
    const char *p;

    if (slice_eq(text, "infinity") || slice_eq(text, "-infinity")) {
        lua_pushnumber(L, *text.p == '-' ? -HUGE_VAL : HUGE_VAL);
        return true;
    }
    if (sscanf(text.p, "%lld-%2d-%2d %2d:%2d:%lf%n", &y, &mo, &d, &h, &mi, &s,
               &n) != 6)
        return false;
    p = text.p + n;
    if (*p != '+' && *p != '-')
        return false;
    zone = read_zone(&p);
    if (strcmp(p, " BC") == 0)
        y = 1 - y;
    else if (*p)
        return false;
    lua_pushnumber(L, (lua_Number)(days_since_1970(y, mo, d) * 86400 +
                                   h * 3600 + mi * 60 - zone) +
                          s);
    return true;
}

/* --- bytes ----------------------------------------------------------------------------- */

static int digit_of(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* As \x…, which it is unless bytea_output was set. */
static bool push_bytes(lua_State *L, struct slice text)
{
    luaL_Buffer b;
    char *to;

    if (text.n < 2 || text.n % 2 || memcmp(text.p, "\\x", 2) != 0)
        return false;
    to = luaL_buffinitsize(L, &b, text.n / 2);
    for (size_t i = 2; i < text.n; i += 2)
        *to++ = (char)(digit_of(text.p[i]) << 4 | digit_of(text.p[i + 1]));
    luaL_pushresultsize(&b, text.n / 2 - 1);
    return true;
}

static bool push_json_value(lua_State *L, struct slice text)
{
    struct err err = ERR_INIT;

    return json_push_text(L, text, JSON_DEPTH_MAX, false, &err);
}

/* --- arrays ------------------------------------------------------------------------------ */

struct array_reader {
    lua_State *L;
    unsigned type;
    const char *p; /* the text ends with a NUL */
    struct buf *element;
};

/* At p; without its quotes and backslashes. False: it is NULL. */
static bool read_element(struct array_reader *r)
{
    bool quoted = *r->p == '"';

    buf_reset(r->element);
    r->p += quoted;
    while (*r->p && (quoted ? *r->p != '"' : !strchr(",}", *r->p))) {
        r->p += *r->p == '\\' && r->p[1];
        buf_addc(r->element, *r->p++);
    }
    r->p += quoted && *r->p;
    return quoted || strcmp(r->element->data, "NULL") != 0;
}

/* At "{": push a list. False: it is not as expected; something is pushed. */
static bool push_list(struct array_reader *r, int depth)
{
    lua_State *L = r->L;
    bool ok = true;

    luaL_checkstack(L, 8, "an array");
    lua_newtable(L);
    db_push_array_mt(L);
    lua_setmetatable(L, -2);
    r->p++;
    for (lua_Integer i = 1; ok && *r->p && *r->p != '}'; i++) {
        if (*r->p == '{' && depth < DEPTH_MAX)
            ok = push_list(r, depth + 1);
        else if (read_element(r))
            db_push_typed(L, r->type, buf_slice(r->element));
        else
            lua_pushlightuserdata(L, NULL);
        lua_rawseti(L, -2, i);
        r->p += *r->p == ',';
    }
    ok = ok && *r->p == '}';
    r->p += ok;
    return ok;
}

/* "{1,2}"; with other bounds than 1, "[0:1]={1,2}". */
static bool push_array(lua_State *L, unsigned type, struct slice text)
{
    struct array_reader r = { .L = L, .type = type, .p = text.p };
    int top = lua_gettop(L);

    if (*r.p == '[') {
        r.p = strchr(r.p, '=');
        r.p = r.p ? r.p + 1 : "";
    }
    if (*r.p != '{')
        return false;
    r.element = json_push_buf(L);
    if (!push_list(&r, 1) || *r.p) {
        lua_settop(L, top);
        return false;
    }
    lua_remove(L, top + 1);
    return true;
}

/* --- by type -------------------------------------------------------------------------------- */

static bool push_known(lua_State *L, unsigned type, struct slice text)
{
    switch (type) {
    case BOOL: lua_pushboolean(L, *text.p == 't'); return true;
    case INT2:
    case INT4:
    case INT8:
    case OID: return push_integer(L, text);
    case FLOAT4:
    case FLOAT8: return push_float(L, text);
    case NUMERIC: return push_integer(L, text) || push_float(L, text);
    case JSON:
    case JSONB: return push_json_value(L, text);
    case BYTEA: return push_bytes(L, text);
    case TIMESTAMPTZ: return push_time(L, text);
    default: break;
    }
    type = element_type(type);
    return type && push_array(L, type, text);
}

void db_push_typed(lua_State *L, unsigned type, struct slice text)
{
    if (!push_known(L, type, text))
        push_text(L, text);
}
