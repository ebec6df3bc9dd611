/* watchdog.c - see watchdog.h. */
#include "script/watchdog.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "script/vm.h"

#define TICK_MS 20

/* What the signal handler looks at. One vm a process, one thread. */
static struct {
    volatile sig_atomic_t ticks; /* since watchdog_enter() */
    volatile sig_atomic_t ticks_max;
    lua_State *volatile running;
    int task_ticks; /* of limits.cpu_ms */
    bool *overran;
} g;

static void on_overrun(lua_State *L, lua_Debug *ar)
{
    if (!g.overran)
        return;
    *g.overran = true;
    if (lua_isyieldable(L)) {
        lua_yield(L, 0);
        return;
    }
    lua_getinfo(L, "Sl", ar);
    lua_pushfstring(L, "%s:%d: it computes for too long", ar->short_src,
                    ar->currentline);
    lua_error(L);
}

/* lua_sethook() may be called from a signal handler (Lua manual, lua.c). */
static void on_tick(int number)
{
    lua_State *L = g.running;

    (void)number;
    if (!L || ++g.ticks <= g.ticks_max)
        return;
    lua_sethook(L, on_overrun, LUA_MASKCOUNT, 1);
}

static void set_timer(int ms)
{
    struct itimerval every = { .it_interval = { 0, ms * 1000 },
                               .it_value = { 0, ms * 1000 } };

    setitimer(ITIMER_VIRTUAL, &every, NULL);
}

void watchdog_start(struct vm *vm)
{
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

    g.task_ticks = vm->limits.cpu_ms / TICK_MS;
    sigaction(SIGVTALRM, &action, NULL);
    set_timer(TICK_MS);
}

void watchdog_stop(struct vm *vm)
{
    (void)vm;
    set_timer(0);
}

void watchdog_enter(lua_State *L, enum watchdog_share share, bool *overran)
{
    g.overran = overran;
    g.ticks = 0;
    g.ticks_max = g.task_ticks * (int)share;
    g.running = L;
}

void watchdog_leave(void)
{
    lua_State *L = g.running;

    g.running = NULL;
    lua_sethook(L, NULL, 0, 0); /* it may have been set, and not run yet */
    g.overran = NULL;
}
