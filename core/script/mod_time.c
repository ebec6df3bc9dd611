/* mod_time.c - require "time": what time it is, waiting, and how times are
 * written. Also os.time, os.date and os.clock, which go by the same clock. */
#include <lauxlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/timezone.h"
#include "script/modules.h"
#include "script/task.h"

#define SLEEP_MAX_MS ((int64_t)86400000)
#define FORMATTED_MAX 500 /* bytes */

/* time.now() -> seconds since 1970 with a fraction */
static int l_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_wall_us() / 1e6);
    return 1;
}

/* time.clock() -> seconds of a clock that never jumps */
static int l_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_steady_ns() / 1e9);
    return 1;
}

/* --- spans ---------------------------------------------------------------------- */

/* A number of seconds, or a text like "1h30m". */
static int64_t check_span(lua_State *L, int arg)
{
    struct err err = ERR_INIT;
    struct slice text;
    int64_t ms = 0;

    if (lua_type(L, arg) == LUA_TNUMBER) {
        if (!duration_of_seconds(lua_tonumber(L, arg), &ms, &err))
            luaL_argerror(L, arg, err.text);
        return ms;
    }
    luaL_argexpected(L, lua_type(L, arg) == LUA_TSTRING, arg,
                     "number of seconds or text like \"10s\"");
    text.p = lua_tolstring(L, arg, &text.n);
    if (!duration_parse(text, &ms, &err))
        luaL_argerror(L, arg, lua_pushstring(L, err.text));
    return ms;
}

static void push_seconds(lua_State *L, int64_t ms)
{
    if (ms % 1000 == 0)
        lua_pushinteger(L, ms / 1000);
    else
        lua_pushnumber(L, (lua_Number)ms / 1e3);
}

/* time.parse("1h30m") -> 5400 */
static int l_parse(lua_State *L)
{
    push_seconds(L, check_span(L, 1));
    return 1;
}

static int slept(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 0;
}

/* time.sleep("10s")                                                     [waits] */
static int l_sleep(lua_State *L)
{
    int64_t ms = check_span(L, 1);

    luaL_argcheck(L, ms <= SLEEP_MAX_MS, 1, "at most a day");
    task_current(L);
    return task_wait(L, timer_start(vm_of(L)->services->loop, ms), slept);
}

/* time.duration(5400 [, units]) -> "1 h 30 min": the largest units, 2 of them */
static int l_duration(lua_State *L)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = { { "d", 86400 }, { "h", 3600 }, { "min", 60 }, { "s", 1 } };
    lua_Number given = luaL_checknumber(L, 1);
    lua_Integer most = luaL_optinteger(L, 2, 2);
    int64_t left;
    int shown = 0;
    luaL_Buffer b;

    luaL_argcheck(L, given > -1e15 && given < 1e15, 1, "too large");
    luaL_argcheck(L, most >= 1 && most <= 4, 2, "1 to 4");
    left = (int64_t)given;
    luaL_buffinit(L, &b);
    if (left < 0) {
        luaL_addstring(&b, "-");
        left = -left;
    }
    for (size_t i = 0; i < ARRAY_LEN(units) && shown < most; i++) {
        int64_t n = left / units[i].seconds;

        left %= units[i].seconds;
        if (n == 0 && !(i + 1 == ARRAY_LEN(units) && !shown)) {
            most -= shown > 0; /* "1 d", not "1 d 5 s" */
            continue;
        }
        lua_pushfstring(L, "%s%I %s", shown++ ? " " : "", (LUAI_UACINT)n,
                        units[i].name);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    return 1;
}

/* --- the calendar ------------------------------------------------------------------ */

static const struct timezone *check_zone(lua_State *L, int arg)
{
    struct err err = ERR_INIT;
    const struct timezone *tz =
        timezone_find(luaL_optstring(L, arg, "UTC"), &err);

    if (!tz)
        luaL_argerror(L, arg, lua_pushstring(L, err.text));
    return tz;
}

/* The time at arg, now if it is nil, in the zone that follows it. */
static void check_time(lua_State *L, int arg, int zone, struct tm *tm)
{
    const struct timezone *tz = check_zone(L, zone);
    lua_Number seconds =
        luaL_optnumber(L, arg, (lua_Number)clock_wall_us() / 1e6);

    luaL_argcheck(L,
                  seconds > -1e12 && seconds < 1e12 &&
                      timezone_at(tz,
                                  (int64_t)seconds -
                                      (seconds < (lua_Number)(int64_t)seconds),
                                  tm),
                  arg, "out of the years 1 to 9999");
}

static void check_format(lua_State *L, int arg, const char *format)
{
    for (const char *p = format; (p = strchr(p, '%')); p++) {
        p += 1 + (p[1] == '-'); /* %-d: without a zero before */
        if (!*p || !strchr("aAbBcCdDeFgGhHIjlkmMnprRStTuUVwWxXyYzZ%", *p))
            luaL_argerror(L, arg,
                          lua_pushfstring(L,
                                          "\"%%%s\": no such field of a time",
                                          *p ? p : ""));
    }
}

/* time.format(seconds | nil, "%Y-%m-%d %H:%M" [, zone]) -> text */
static int l_format(lua_State *L)
{
    const char *format = luaL_optstring(L, 2, "%Y-%m-%d %H:%M");
    char out[FORMATTED_MAX];
    struct tm tm;
    size_t n;

    check_format(L, 2, format);
    check_time(L, 1, 3, &tm);
    n = strftime(out, sizeof(out), format, &tm);
    luaL_argcheck(L, n > 0 || !*format, 2, "the text is too long");
    lua_pushlstring(L, out, n);
    return 1;
}

static void set_int(lua_State *L, const char *name, int64_t n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, name);
}

/* time.date([seconds [, zone]]) -> { year =, month =, day =, hour =, … } */
static int l_date(lua_State *L)
{
    struct tm tm;

    check_time(L, 1, 2, &tm);
    lua_createtable(L, 0, 11);
    set_int(L, "year", tm.tm_year + 1900);
    set_int(L, "month", tm.tm_mon + 1);
    set_int(L, "day", tm.tm_mday);
    set_int(L, "hour", tm.tm_hour);
    set_int(L, "min", tm.tm_min);
    set_int(L, "sec", tm.tm_sec);
    set_int(L, "wday", tm.tm_wday + 1); /* as os.date: Sunday is 1 */
    set_int(L, "yday", tm.tm_yday + 1);
    set_int(L, "offset", tm.tm_gmtoff);
    lua_pushboolean(L, tm.tm_isdst);
    lua_setfield(L, -2, "isdst");
    lua_pushstring(L, tm.tm_zone);
    lua_setfield(L, -2, "zone");
    return 1;
}

static int get_int(lua_State *L, const char *name, int def, bool required)
{
    lua_Integer n = def;
    int is_int = 1;

    if (lua_getfield(L, 1, name) != LUA_TNIL)
        n = lua_tointegerx(L, -1, &is_int);
    else if (required)
        luaL_error(L, "time.at: %s is missing", name);
    if (!is_int || n < -100000 || n > 100000)
        luaL_error(L, "time.at: %s must be a whole number", name);
    lua_pop(L, 1);
    return (int)n;
}

/* time.at({ year =, month =, day =, hour =, min =, sec = } [, zone]) -> seconds */
static int l_at(lua_State *L)
{
    const struct timezone *tz;
    struct tm tm = { 0 };

    luaL_checktype(L, 1, LUA_TTABLE);
    tz = check_zone(L, 2);
    tm.tm_year = get_int(L, "year", 0, true) - 1900;
    tm.tm_mon = get_int(L, "month", 1, true) - 1;
    tm.tm_mday = get_int(L, "day", 1, true);
    tm.tm_hour = get_int(L, "hour", 0, false);
    tm.tm_min = get_int(L, "min", 0, false);
    tm.tm_sec = get_int(L, "sec", 0, false);
    lua_pushinteger(L, timezone_seconds(tz, &tm));
    return 1;
}

static const luaL_Reg functions[] = {
    { "at", l_at },         { "clock", l_clock },
    { "date", l_date },     { "duration", l_duration },
    { "format", l_format }, { "now", l_now },
    { "parse", l_parse },   { "sleep", l_sleep },
    { NULL, NULL },
};

void mod_time_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
}

/* --- Lua's own ------------------------------------------------------------------------ */

/* os.time([table]); upvalue: Lua's */
static int os_time(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_pushinteger(L, clock_wall_us() / 1000000);
        return 1;
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* os.date([format [, time]]) */
static int os_date(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_isnil(L, 1)) {
        lua_pushliteral(L, "%c");
        lua_replace(L, 1);
    }
    if (lua_isnil(L, 2)) {
        lua_pushinteger(L, clock_wall_us() / 1000000);
        lua_replace(L, 2);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

/* os.clock(): CPU time, and what tests have moved the clock on */
static int os_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock() / CLOCKS_PER_SEC +
                          (lua_Number)clock_ahead_ms() / 1e3);
    return 1;
}

void time_set_os(lua_State *L, int globals)
{
    static const luaL_Reg own[] = { { "clock", os_clock },
                                    { "date", os_date },
                                    { "time", os_time } };

    lua_getfield(L, globals, "os");
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        lua_getfield(L, -1, own[i].name);
        lua_pushcclosure(L, own[i].func, 1);
        lua_setfield(L, -2, own[i].name);
    }
    lua_pop(L, 1);
}
