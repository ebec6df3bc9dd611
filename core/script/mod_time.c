/* mod_time.c - require "time": now, and waiting. */
#include <lauxlib.h>

#include "base/clock.h"
#include "script/modules.h"
#include "script/task.h"

#define SLEEP_MAX_S 86400

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

static int slept(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 0;
}

/* time.sleep(seconds)                                                   [waits] */
static int l_sleep(lua_State *L)
{
    lua_Number s = luaL_checknumber(L, 1);

    luaL_argcheck(L, s >= 0 && s <= SLEEP_MAX_S, 1, "0 to 86400 seconds");
    task_current(L);
    return task_wait(L,
                     timer_start(vm_of(L)->services->loop, (int64_t)(s * 1000)),
                     slept);
}

static const luaL_Reg functions[] = {
    { "clock", l_clock }, { "now", l_now }, { "sleep", l_sleep }, { NULL, NULL }
};

void mod_time_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
}
