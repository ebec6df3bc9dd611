/* watchdog.c - see watchdog.h. */
#include "script/watchdog.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "script/task.h"
#include "script/vm.h"

#define TICK_US 5000

/* What the signal handlers look at. One vm a process, one thread. */
static struct {
    lua_State *volatile running;
    const struct task *volatile task;
    volatile unsigned runs;
    volatile int64_t used_us, slice_us; /* since it last waited; since enter */
    volatile int64_t max_us;            /* of used_us */
    volatile bool refused, refused_again;
    int64_t ticked_us; /* the process's CPU time at the last tick */
    struct watch *watch;
    struct vm *vm;
    size_t memory; /* in use at enter */
    bool *overran;
    struct vm_limits limits;
} g;

static int64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- the hook -------------------------------------------------------------------- */

static enum watchdog_end why_end(void)
{
    if (g.watch && g.refused)
        return WATCHDOG_MEMORY;
    if (g.used_us <= g.max_us)
        return WATCHDOG_NONE;
    return g.watch && g.used_us <= (int64_t)g.limits.cpu_ms * 1000
               ? WATCHDOG_CPU_TOTAL
               : WATCHDOG_CPU;
}

static bool slice_is_over(void)
{
    return g.watch && g.limits.slice_ms &&
           g.slice_us >= (int64_t)g.limits.slice_ms * 1000;
}

static void end(lua_State *L, lua_Debug *ar, enum watchdog_end why)
{
    if (g.watch)
        g.watch->end = why;
    else
        *g.overran = true;
    if (lua_isyieldable(L)) {
        lua_yield(L, 0);
        return;
    }
    lua_getinfo(L, "Sl", ar);
    lua_pushfstring(L, "%s:%d: %s", ar->short_src, ar->currentline,
                    why == WATCHDOG_MEMORY ? "it needs too much memory"
                                           : "it computes for too long");
    lua_error(L);
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
    enum watchdog_end why;

    if (!g.running)
        return;
    why = why_end();
    if (why) {
        end(L, ar, why);
    } else if (slice_is_over() && lua_isyieldable(L)) {
        g.watch->gave_way = true;
        lua_yield(L, 0);
    } else {
        lua_sethook(L, NULL, 0, 0); /* the next tick asks again */
    }
}

/* lua_sethook() may be called from a signal handler (Lua manual, lua.c), and by
 * the same right from the allocator. */
static void set_hook(void)
{
    lua_sethook(g.running, on_hook, LUA_MASKCOUNT, 1);
}

static void on_tick(int number)
{
    int64_t now = cpu_us(), passed = now - g.ticked_us;

    (void)number;
    g.ticked_us = now;
    if (!g.running)
        return;
    g.used_us += passed;
    g.slice_us += passed;
    if (why_end() || slice_is_over())
        set_hook();
}

void watchdog_refuse(bool again)
{
    g.refused = true;
    g.refused_again |= again;
    if (g.running && g.watch)
        set_hook();
}

void watchdog_grant(void)
{
    g.refused = g.refused_again;
}

/* --- on and off ----------------------------------------------------------------- */

static void set_timer(int us)
{
    struct itimerval every = { .it_interval = { 0, us },
                               .it_value = { 0, us } };

    setitimer(ITIMER_PROF, &every, NULL); /* the kernel's share, too */
}

void watchdog_start(struct vm *vm)
{
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

    g.vm = vm;
    g.limits = vm->limits;
    g.ticked_us = cpu_us();
    sigaction(SIGPROF, &action, NULL);
    set_timer(TICK_US);
}

void watchdog_stop(struct vm *vm)
{
    (void)vm;
    set_timer(0);
}

static void enter(lua_State *L, const struct task *t)
{
    g.slice_us = 0;
    g.refused = g.refused_again = false;
    g.runs++;
    g.task = t;
    g.running = L;
}

static void leave(void)
{
    lua_State *L = g.running;

    g.running = NULL;
    g.task = NULL;
    lua_sethook(L, NULL, 0, 0); /* it may have been set, and not run yet */
    g.watch = NULL;
    g.overran = NULL;
}

void watchdog_enter(lua_State *L, enum watchdog_share share, bool *overran)
{
    g.overran = overran;
    g.used_us = 0;
    g.max_us = (int64_t)g.limits.cpu_ms * 1000 * (int)share;
    enter(L, NULL);
}

void watchdog_leave(void)
{
    leave();
}

void watchdog_enter_task(lua_State *L, struct task *t)
{
    int64_t left = (int64_t)g.limits.cpu_total_ms * 1000 - t->watch.total_us;

    g.watch = &t->watch;
    g.memory = g.vm->memory;
    g.watch->gave_way = false;
    g.used_us = t->watch.cpu_us;
    g.max_us = (int64_t)g.limits.cpu_ms * 1000;
    if (g.limits.cpu_total_ms && left < g.max_us)
        g.max_us = left > 0 ? left : 0;
    enter(L, t);
}

void watchdog_leave_task(void)
{
    struct watch *w = g.watch;

    w->cpu_us = g.used_us;
    w->memory += (int64_t)g.vm->memory - (int64_t)g.memory;
    if (w->memory < 0) /* it has freed what others left behind */
        w->memory = 0;
    if (!w->gave_way) {
        w->total_us += w->cpu_us;
        w->cpu_us = 0;
    }
    w->refused = g.refused;
    leave();
}

int64_t watchdog_grown(void)
{
    int64_t grown;

    if (!g.watch)
        return -1;
    grown = g.watch->memory + (int64_t)g.vm->memory - (int64_t)g.memory;
    return grown > 0 ? grown : 0;
}

bool watchdog_is_over(void)
{
    return g.running && g.used_us > g.max_us;
}

bool watchdog_is_ending(void)
{
    return g.watch ? g.watch->end != WATCHDOG_NONE : g.overran && *g.overran;
}

lua_State *watchdog_running(void)
{
    return g.running;
}

unsigned watchdog_run(const struct task **t)
{
    *t = g.task;
    return g.running ? g.runs | 1u << 31 : 0;
}
