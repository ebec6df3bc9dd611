/*
 * mod_bot.c - require "bot": what is on it, and bot.concurrent, bot.catch and the
 * like. What registers handlers is in register.c and mod_bot_{command,group}.c.
 */
#include <lauxlib.h>
#include <string.h>

#include "script/call.h"
#include "script/call_file.h"
#include "script/download.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/mod_bot_jobs.h"
#include "script/mod_store.h"
#include "script/modules.h"
#include "script/register.h"
#include "script/task.h"
#include "script/vm.h"

/* --- bot.concurrent ----------------------------------------------------------------- */

static int concurrent_returned(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    return lua_gettop(L);
}

/* Here its lane goes on. */
static int concurrent_enter(lua_State *L, int status, lua_KContext k)
{
    task_leave_lane(task_current(L));
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, concurrent_returned);
    return concurrent_returned(L, status, k);
}

/* What the next update's handler reads has what this one has assigned before. */
int bot_run_concurrent(lua_State *L)
{
    return task_commit(L, concurrent_enter);
}

/* bot.concurrent(function) -> function */
static int l_concurrent(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushcclosure(L, bot_run_concurrent, 1);
    return 1;
}

/* --- the others ----------------------------------------------------------------- */

/* bot.catch(function(error, ctx) … end): one; a second one is an error */
static int l_catch(lua_State *L)
{
    struct generation *gen = register_check(L, "bot.catch");

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    if (lua_getfield(L, -1, "catch") != LUA_TNIL)
        return luaL_error(L, "bot.catch is already set");
    lua_pop(L, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "catch");
    return 0;
}

static int l_file(lua_State *L)
{
    return call_file(L);
}

static const luaL_Reg functions[] = {
    { "after", bot_after },
    { "at", bot_at },
    { "broadcast", bot_broadcast },
    { "broadcasts", bot_broadcasts },
    { "cancel_job", bot_cancel_job },
    { "catch", l_catch },
    { "commands", bot_commands },
    { "concurrent", l_concurrent },
    { "config", bot_config },
    { "download", download },
    { "file", l_file },
    { "every", bot_every },
    { "find_broadcast", bot_find_broadcast },
    { "job", bot_job },
    { "jobs", bot_jobs },
    { "parse_setting", mod_bot_parse_setting },
    { "schedule", bot_schedule },
    { "settings", mod_bot_settings },
    { "store", bot_store },
    { NULL, NULL },
};

static void consider(const luaL_Reg *list, struct slice key, const char **best)
{
    for (; list->name; list++)
        if (filter_distance(key, list->name) < filter_distance(key, *best))
            *best = list->name;
}

/* What is no function: bot.username, or a mistake. */
static int bot_index(lua_State *L)
{
    struct slice key = slice_of(luaL_checkstring(L, 2));
    const char *best = "api";

    if (slice_eq(key, "username")) {
        lua_pushstring(L, vm_of(L)->services->bot_username);
        return 1;
    }
    consider(functions, key, &best);
    consider(register_functions, key, &best);
    if (filter_distance(key, best) > 1 + (int)key.n / 2)
        return luaL_error(L, "there is no bot.%s", key.p);
    return luaL_error(L, "there is no bot.%s; did you mean bot.%s?", key.p,
                      best);
}

void mod_bot_push(lua_State *L, struct generation *gen)
{
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, gen);
    luaL_setfuncs(L, functions, 1);
    lua_pushlightuserdata(L, gen);
    luaL_setfuncs(L, register_functions, 1);
    call_push_api(L);
    lua_setfield(L, -2, "api");
    lua_newtable(L);
    lua_pushcfunction(L, bot_index);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
