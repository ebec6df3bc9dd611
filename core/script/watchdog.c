/* watchdog.c - see watchdog.h. */
#include "script/watchdog.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/metrics.h"
#include "script/task.h"
#include "script/vm.h"

#define TICK_US 1000
#define LOAD_TIMES 8
#define LOOK_COUNT 1000 /* instructions: is the block over now? */

/* What the signal handlers look at. One vm a process, one thread. */
static struct {
    lua_State *volatile running;
    const struct task *volatile task;
    volatile unsigned runs;
    volatile int64_t used_us, slice_us; /* since it last waited; since enter */
    volatile int64_t max_us;            /* of used_us */
    volatile bool refused, refused_again;
    int64_t ticked_us; /* the process's CPU time at the last tick */
    volatile bool ticking;
    timer_t timer;
    bool has_timer;
    struct watch *watch;
    struct vm *vm;
    size_t memory; /* in use at enter */
    bool *overran;
    struct vm_limits limits;
} g;

/* What ends between two ticks is not in it: that costs nothing. */
static const int64_t stretch_limits[] = {
    5000, 10000, 20000, 30000, 50000, 100000, 250000, 1000000, INT64_MAX,
};
static struct metric stretches = {
    .name = "moonpost_script_stretch_seconds",
    .help = "How long scripts computed without letting others in; of the runs "
            "that a tick each ms met.",
    .type = METRIC_HISTOGRAM,
    .limits = stretch_limits,
};

static int64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- the hook -------------------------------------------------------------------- */

static void on_hook(lua_State *L, lua_Debug *ar);

/* A signal may have come in the middle of its setting: then the mask is missing. */
static bool has_hook(lua_State *L)
{
    return lua_gethook(L) == on_hook && lua_gethookmask(L);
}

/* lua_sethook() may be called from a signal handler (Lua manual, lua.c), and by the
 * same right from the allocator. But it visits every call on the stack, which may take
 * longer than a tick: never again for the same. */
static void set_hook(lua_State *L, int mask, int count)
{
    if (lua_gethook(L) != on_hook || lua_gethookmask(L) != mask ||
        lua_gethookcount(L) != count)
        lua_sethook(L, on_hook, mask, count);
}

static enum watchdog_end why_end(void)
{
    if (g.watch && g.watch->end == WATCHDOG_BLOCK)
        return WATCHDOG_BLOCK;
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

static bool block_is_over(void)
{
    return slice_is_over() && g.limits.block_ms &&
           g.slice_us >=
               (int64_t)(g.limits.slice_ms + g.limits.block_ms) * 1000;
}

/* Its end is noted; and where it was, if that is what is wrong. */
static void note_end(lua_State *L, enum watchdog_end why)
{
    if (!g.watch) {
        *g.overran = true;
        return;
    }
    if (why == WATCHDOG_BLOCK && g.watch->end != why) {
        buf_reset(&g.vm->ended_at);
        vm_add_traceback(L, 0, &g.vm->ended_at);
    }
    g.watch->end = why;
}

static const char *name_of_end(enum watchdog_end why)
{
    return why == WATCHDOG_MEMORY ? "it needs too much memory"
           : why == WATCHDOG_BLOCK
               ? "it computes for too long where it can't give way"
               : "it computes for too long";
}

static void end(lua_State *L, lua_Debug *ar, enum watchdog_end why)
{
    note_end(L, why);
    if (lua_isyieldable(L)) {
        lua_yield(L, 0);
        return;
    }
    set_hook(L, LUA_MASKCOUNT, 1); /* and at the next one */
    lua_getinfo(L, "Sl", ar); /* luaL_error() would name its caller's line */
    lua_pushfstring(L, "%s:%d: %s", ar->short_src, ar->currentline,
                    name_of_end(why));
    lua_error(L);
}

/* Where it can't yield, the return from there is waited for: it may be a few
 * instructions in thousands that can. */
static void on_hook(lua_State *L, lua_Debug *ar)
{
    enum watchdog_end why;

    if (!g.running)
        return;
    if (ar->event != LUA_HOOKCOUNT) { /* can't yield, but the next one can */
        if (lua_isyieldable(L))
            set_hook(L, LUA_MASKCOUNT, 1);
        return;
    }
    why = why_end();
    if (!why && !slice_is_over()) {
        lua_sethook(L, NULL, 0, 0); /* the next tick asks again */
    } else if (!why && lua_isyieldable(L)) {
        g.watch->gave_way = true;
        lua_yield(L, 0);
    } else if (why || block_is_over()) {
        end(L, ar, why ? why : WATCHDOG_BLOCK);
    } else {
        set_hook(L, LUA_MASKCOUNT | LUA_MASKRET, LOOK_COUNT);
    }
}

static void set_timer(int us)
{
    struct itimerspec every = { { 0, us * 1000 }, { 0, us * 1000 } };

    timer_settime(g.timer, 0, &every, NULL);
}

/* Whoever runs is charged for the time since the last tick: a sample, fair over many
 * short runs. */
static void on_tick(int number)
{
    int64_t now, passed;

    (void)number;
    if (!g.running) {
        g.ticking = false;
        set_timer(0);
        return;
    }
    now = cpu_us();
    passed = now - g.ticked_us;
    g.ticked_us = now;
    g.used_us += passed;
    g.slice_us += passed;
    if (why_end())
        set_hook(g.running, LUA_MASKCOUNT, 1);
    else if (slice_is_over() && !has_hook(g.running))
        set_hook(g.running, LUA_MASKCOUNT, 1);
}

static void start_ticking(void)
{
    g.ticked_us = cpu_us();
    g.ticking = true;
    set_timer(TICK_US);
}

void watchdog_refuse(bool again)
{
    g.refused = true;
    g.refused_again |= again;
    if (g.running && g.watch)
        set_hook(g.running, LUA_MASKCOUNT, 1);
}

bool watchdog_was_refused(void)
{
    return g.refused;
}

void watchdog_grant(void)
{
    g.refused = g.refused_again;
}

/* --- on and off ----------------------------------------------------------------- */

void watchdog_start(struct vm *vm)
{
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
                              .sigev_signo = SIGPROF };

    g.vm = vm;
    g.limits = vm->limits;
    sigaction(SIGPROF, &action, NULL);
    if (!g.has_timer && timer_create(CLOCK_MONOTONIC, &event, &g.timer) != 0)
        abort(); /* no limit would hold */
    g.has_timer = true;
}

void watchdog_stop(struct vm *vm)
{
    (void)vm;
    set_timer(0);
    g.ticking = false;
}

static void enter(lua_State *L, const struct task *t)
{
    g.slice_us = 0;
    g.refused = g.refused_again = false;
    g.runs++;
    g.task = t;
    g.running = L;
    if (!g.ticking) /* after g.running: a tick in between does not stop it */
        start_ticking();
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
    int ms = g.limits.cpu_ms;

    if (share == WATCHDOG_CLOSE && g.limits.block_ms && g.limits.block_ms < ms)
        ms = g.limits.block_ms;
    g.overran = overran;
    g.used_us = 0;
    g.max_us = (int64_t)ms * 1000 * (share == WATCHDOG_LOAD ? LOAD_TIMES : 1);
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
    if (g.slice_us)
        metric_observe(metric_plain(&stretches), g.slice_us);
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

bool watchdog_is_over(lua_State *L)
{
    enum watchdog_end why;

    if (!g.running)
        return false;
    why = why_end();
    if (!why && block_is_over())
        why = WATCHDOG_BLOCK;
    if (why)
        note_end(L, why);
    return why;
}

bool watchdog_wants_way(lua_State *L)
{
    enum watchdog_end why;

    if (!g.running)
        return false;
    why = why_end();
    if (!why && !slice_is_over())
        return false;
    if (lua_isyieldable(L))
        return true;
    if (!why && block_is_over())
        why = WATCHDOG_BLOCK;
    if (why) {
        note_end(L, why);
        luaL_error(L, "%s", name_of_end(why));
    }
    return false;
}

int watchdog_give_way(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
    enum watchdog_end why = why_end();

    if (why)
        note_end(L, why);
    else
        g.watch->gave_way = true;
    return lua_yieldk(L, 0, ctx, k);
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
