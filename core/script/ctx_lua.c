/*
 * ctx_lua.c - the methods of ctx that are Lua: how they are found, and what they
 * stand on (core.… in lua/moonpost.*.lua).
 */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "script/ctx_int.h"
#include "script/modules.h"
#include "script/raise.h"
#include "telegram/text_split.h"

#define RANGES_MAX 1000 /* entities that are looked at; Telegram takes 100 */

void ctx_push_lua_method(lua_State *L, struct generation *gen, const char *name)
{
    require_own(L, gen, "moonpost.ctx");
    lua_getfield(L, -1, name);
    lua_replace(L, -2);
}

static int give_results(lua_State *L, int status, lua_KContext before)
{
    (void)status;
    return lua_gettop(L) - (int)before;
}

int ctx_go_on_in_lua(lua_State *L, const char *name)
{
    int n = lua_gettop(L);

    ctx_push_lua_method(L, ctx_task(L, 1)->gen, name);
    lua_insert(L, 1);
    lua_callk(L, n, LUA_MULTRET, 0, give_results);
    return give_results(L, LUA_OK, 0);
}

/* --- core.split ---------------------------------------------------------------------- */

static size_t unit_field(lua_State *L, const char *name)
{
    lua_Integer n;

    lua_getfield(L, -1, name);
    n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return n > 0 ? (size_t)n : 0;
}

static bool is_whole(lua_State *L)
{
    static const char *const divided[] = {
        "bold",    "italic",     "underline", "strikethrough",
        "spoiler", "blockquote", "pre",       "expandable_blockquote",
    };
    const char *type;
    bool whole = true;

    lua_getfield(L, -1, "type");
    type = lua_tostring(L, -1);
    for (size_t i = 0; type && i < ARRAY_LEN(divided); i++)
        if (strcmp(type, divided[i]) == 0)
            whole = false;
    lua_pop(L, 1);
    return whole;
}

/* The entities at index as ranges, in a userdata that is pushed. */
static struct text_range *push_ranges(lua_State *L, int index, size_t *n)
{
    size_t count = lua_istable(L, index) ? lua_rawlen(L, index) : 0;
    struct text_range *ranges;

    if (count > RANGES_MAX)
        count = RANGES_MAX;
    ranges = lua_newuserdatauv(L, (count + 1) * sizeof(*ranges), 0);
    for (*n = 0; *n < count; ++*n) {
        lua_rawgeti(L, index, (lua_Integer)*n + 1);
        if (!lua_istable(L, -1))
            luaL_error(L, "entities must be tables");
        ranges[*n] = (struct text_range){ .offset = unit_field(L, "offset"),
                                          .length = unit_field(L, "length"),
                                          .whole = is_whole(L) };
        lua_pop(L, 1);
    }
    return ranges;
}

static int parts_gc(lua_State *L)
{
    text_parts_release(lua_touserdata(L, 1));
    return 0;
}

static struct text_parts *push_parts(lua_State *L)
{
    struct text_parts *parts = lua_newuserdatauv(L, sizeof(*parts), 0);

    *parts = (struct text_parts){ 0 };
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, parts_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return parts;
}

static void push_list(lua_State *L, const struct text_parts *parts)
{
    lua_Integer n = 0;

    lua_newtable(L);
    for (size_t i = 0; i < parts->n; i++) {
        const struct text_part *p = &parts->part[i];

        if (p->blank)
            continue;
        lua_createtable(L, 0, 3);
        lua_pushlstring(L, p->text.data, p->text.len);
        lua_setfield(L, -2, "text");
        lua_pushinteger(L, (lua_Integer)p->offset);
        lua_setfield(L, -2, "offset");
        lua_pushinteger(L, (lua_Integer)p->units);
        lua_setfield(L, -2, "units");
        lua_rawseti(L, -2, ++n);
    }
}

/* core.split(text, parse_mode, first_max, others_max, entities)
 * -> { { text =, offset =, units = }, … }, without those of white space only; nil:
 * the markup can't be read, or the parse mode is another. */
static int core_split(lua_State *L)
{
    static const char *const modes[] = { "", "html", "markdownv2", NULL };
    struct text_limits limits = {
        .first = (size_t)luaL_checkinteger(L, 3),
        .others = (size_t)luaL_checkinteger(L, 4),
    };
    struct text_parts *parts;
    struct text_range *ranges;
    struct slice text;
    size_t nranges;
    int mode = luaL_checkoption(L, 2, "", modes);

    text.p = luaL_checklstring(L, 1, &text.n);
    ranges = push_ranges(L, 5, &nranges);
    parts = push_parts(L);
    if (!text_split(text, (enum text_markup)mode, &limits, ranges, nranges,
                    parts, NULL))
        return 0;
    push_list(L, parts);
    return 1;
}

/* --- the rest --------------------------------------------------------------------------- */

/* core.seconds("10m" or a number) -> seconds, rounded up; or nil, what is wrong. */
static int core_seconds(lua_State *L)
{
    struct err err = ERR_INIT;
    int64_t ms;
    bool ok;

    if (lua_type(L, 1) == LUA_TNUMBER) {
        ok = duration_of_seconds(lua_tonumber(L, 1), &ms, &err);
    } else if (lua_type(L, 1) == LUA_TSTRING) {
        struct slice text;

        text.p = lua_tolstring(L, 1, &text.n);
        ok = duration_parse(text, &ms, &err);
    } else {
        ok = err_set(&err, ERR_USAGE,
                     "a duration is expected, as \"10m\", or a number of "
                     "seconds; got a %s",
                     luaL_typename(L, 1));
    }
    if (!ok) {
        lua_pushnil(L);
        lua_pushstring(L, err.text);
        return 2;
    }
    lua_pushinteger(L, (lua_Integer)((ms + 999) / 1000));
    return 1;
}

/* core.misuse(text): an error at the line of the script, however deep in the host's
 * Lua this is. */
static int core_misuse(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    raise_push_where(L);
    lua_insert(L, 1);
    lua_concat(L, 2);
    return lua_error(L);
}

/* core.stop(): end the handler; everything has been said. */
static int core_stop(lua_State *L)
{
    return raise_stop(L);
}

void mod_ctx_push(lua_State *L, struct generation *gen)
{
    static const luaL_Reg functions[] = {
        { "forget", ctx_core_forget }, { "keep_typing", ctx_core_keep_typing },
        { "member", ctx_core_member }, { "misuse", core_misuse },
        { "seconds", core_seconds },   { "split", core_split },
        { "stop", core_stop },         { NULL, NULL },
    };

    (void)gen;
    luaL_newlib(L, functions);
}
