/*
 * dispatch.c - see dispatch.h.
 *
 *     dispatch_main ─ pcall ─► chain ─► search(0) ─► handler ── next() ─► search(n)
 *           │                    └─► commit the config
 *           └─ error ─► bot.catch, or the log
 */
#include "script/dispatch.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "script/breaker.h"
#include "script/ctx.h"
#include "script/dispatch_groups.h"
#include "script/json_lua.h"
#include "script/parallel.h"
#include "script/raise.h"
#include "script/task.h"
#include "script/trace.h"
#include "script/view.h"

static int search(lua_State *L, int from);

/* --- does its text match? ------------------------------------------------------- */

/* Push a raw JSON string's meaning. */
static struct slice push_raw(lua_State *L, struct slice raw)
{
    struct slice text;

    if (memchr(raw.p, '\\', raw.n))
        json_push(L, (struct slice){ raw.p - 1, raw.n + 2 });
    else
        lua_pushlstring(L, raw.p, raw.n);
    text.p = lua_tolstring(L, -1, &text.n);
    return text;
}

/* Does the text at the top match? Then push the list of captures. */
static bool match(lua_State *L, const char *pattern)
{
    int top = lua_gettop(L), n;

    lua_getfield(L, top, "match"); /* text, string.match */
    lua_pushvalue(L, top);
    lua_pushstring(L, pattern);
    lua_call(L, 2, LUA_MULTRET);
    n = lua_gettop(L) - top;
    if (n == 0 || lua_isnil(L, top + 1)) {
        lua_settop(L, top);
        return false;
    }
    lua_createtable(L, n, 0);
    lua_insert(L, top + 1);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, top + 1, i);
    return true;
}

/* Is it for this handler, and not only may be? Pushes what ctx.match is to be, or
 * nil; nothing if not. */
static bool matches(lua_State *L, const struct handler *h,
                    const struct update *u)
{
    enum handler_type type;
    struct slice text;

    if (h->type < HANDLER_HEARS || !h->ntriggers) {
        lua_pushnil(L);
        return true;
    }
    text = push_raw(L, handlers_subject(u, &type));
    for (int i = 0; i < h->ntriggers; i++) {
        const struct trigger *trigger = &h->triggers[i];

        if (trigger->plain && !slice_eq(text, trigger->text))
            continue;
        if (trigger->plain)
            lua_pushnil(L);
        else if (!pattern_hint_allows(trigger->hint, text) ||
                 !match(L, trigger->text))
            continue;
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

/* --- running ------------------------------------------------------------------------ */

/*
 * The stack of those that follow: the ctx, what groups_hold() keeps or nil, and,
 * when a handler has been found, what its ctx.match is to be.
 */
enum { CTX = 1, ASKED, MATCH };

/* next() in a handler: upvalues ctx, asked, the number to go on from. */
static int l_next(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    return search(L, (int)lua_tointeger(L, lua_upvalueindex(3)));
}

static int handler_returned(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 0;
}

/* What an earlier handler's pattern has captured is not this one's. nil: what stands
 * after the command, if it is one; made when it is read. */
static void set_match(lua_State *L, const struct handler *h)
{
    if (h->type == HANDLER_COMMAND || h->ntriggers)
        lua_setfield(L, CTX, "match");
}

static int run(lua_State *L, struct task *t, int number)
{
    const struct handler *h = &t->gen->handlers.list[number];
    int nargs = 1;

    if (!breaker_lets(t, number))
        return raise_stop(L); /* also of a bot.use: what it guards stays shut */
    set_match(L, h);
    lua_settop(L, ASKED);
    t->handler = h->what;
    t->handler_number = number + 1;
    t->seconds = h->seconds;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->functions_ref);
    lua_rawgeti(L, -1, number + 1);
    lua_remove(L, -2);
    lua_pushvalue(L, CTX);
    if (h->wants_next) {
        lua_pushvalue(L, CTX);
        lua_pushvalue(L, ASKED);
        lua_pushinteger(L, number + 1);
        lua_pushcclosure(L, l_next, 3);
        nargs = 2;
    }
    lua_callk(L, nargs, 0, 0, handler_returned);
    return 0;
}

/* The first handler numbered from or higher that matches, or -1. */
static int find(lua_State *L, struct task *t, int from)
{
    struct handlers *hs = &t->gen->handlers;
    int number = from - 1;

    lua_settop(L, ASKED);
    do
        number = handlers_next(hs, &t->in->u, number + 1,
                               t->vm->services->bot_username);
    while (number >= 0 && !matches(L, &hs->list[number], &t->in->u));
    return number;
}

static int answered(lua_State *L, int status, lua_KContext context);

/* Do all conditions of its group hold? */
static bool is_for_it(lua_State *L, struct task *t, int number)
{
    const struct handler *h = &t->gen->handlers.list[number];
    int holds;

    if (!h->group || !handlers_group(&t->gen->handlers, h->group)->asks)
        return true;
    t->handler = h->what;
    while ((holds = groups_hold(L, h->group, number, answered)) < 0)
        groups_answer(L);
    return holds;
}

/* Run the first handler numbered from or higher that matches. */
static int search(lua_State *L, int from)
{
    struct task *t = ctx_task(L, CTX);
    int number = from;

    while ((number = find(L, t, number)) >= 0) {
        if (is_for_it(L, t, number))
            return run(L, t, number);
        number++;
    }
    return 0;
}

/* A condition was waited for. */
static int answered(lua_State *L, int status, lua_KContext context)
{
    struct task *t = ctx_task(L, CTX);
    int number = groups_answered(L, context);

    (void)status;
    if (is_for_it(L, t, number))
        return run(L, t, number);
    return search(L, number + 1);
}

static int run_handlers(lua_State *L)
{
    lua_pushnil(L); /* asked: nothing so far */
    return search(L, 0);
}

static int chain_committed(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 0;
}

static int chain_ran(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    return task_commit(L, chain_committed);
}

/* What is no update has one function, and no handler is asked. */
static int run_origin(lua_State *L, struct task *t)
{
    int nargs;

    t->handler = t->in->origin->name;
    nargs = t->in->origin->push(L, t);
    lua_callk(L, nargs, 0, 0, handler_returned);
    return 0;
}

static int first_handler(lua_State *L)
{
    struct task *t = task_find(L);

    return t->in->origin && t->in->origin->push ? run_origin(L, t)
                                                : run_handlers(L);
}

/* ctx → all handlers, then what they changed in the config. */
static int chain(lua_State *L)
{
    lua_pushcfunction(L, first_handler);
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 0, 0, chain_ran);
    return chain_ran(L, LUA_OK, 0);
}

/* The message handler: keeps the traceback, which is gone after it. */
static int on_error(lua_State *L)
{
    struct task *t = task_find(L);

    if (raise_is_stop(L, 1))
        return 1;
    buf_reset(&t->trace);
    vm_add_error(L, 1, &t->trace);
    trace_add_hint(&t->trace);
    vm_add_traceback(L, 1, &t->trace);
    parallel_add_trace(t, &t->trace);
    return 1;
}

/* bot.catch has ended. It runs in a protected call, as everything does: watchdog.h. */
static int caught(lua_State *L, int status, lua_KContext k)
{
    struct task *t = task_find(L);

    (void)k;
    if (status == LUA_OK || status == LUA_YIELD || raise_is_stop(L, -1))
        return 0;
    t->failed = true;
    if (!t->trace.len)
        vm_add_error(L, -1, &t->trace);
    return 0;
}

/* Stack: ctx, on_error, [error]. */
static int chain_ended(lua_State *L, int status, lua_KContext k)
{
    struct task *t = task_find(L);

    (void)k;
    if (status == LUA_OK || status == LUA_YIELD || raise_is_stop(L, -1))
        return 0;
    t->no_database = raise_kind(L, -1) == ERR_DATABASE;
    t->handler_failed = !t->no_database;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->functions_ref);
    lua_getfield(L, -1, "catch"); /* error, functions, catch */
    lua_remove(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        t->failed = true;
        if (!t->trace.len) /* out of memory: no message handler ran */
            vm_add_error(L, -1, &t->trace);
        return 0;
    }
    views_reset(L, t); /* what a failed handler assigned is not kept */
    lua_insert(L, -2);
    lua_pushvalue(L, 1); /* catch, error, ctx */
    buf_reset(&t->trace);
    return caught(L, lua_pcallk(L, 2, 0, 2, 0, caught), 0);
}

int dispatch_main(lua_State *L)
{
    int status;

    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, chain);
    lua_pushvalue(L, 1); /* ctx, on_error, chain, ctx */
    status = lua_pcallk(L, 1, 0, 2, 0, chain_ended);
    return chain_ended(L, status, 0);
}
