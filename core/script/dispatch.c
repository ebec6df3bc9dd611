/*
 * dispatch.c - see dispatch.h.
 *
 *     dispatch_main ─ pcall ─► chain ─► run_from(0) ─► handler ── next() ─► run_from(n)
 *           │                    └─► commit the config
 *           └─ error ─► bot.catch, or the log
 */
#include "script/dispatch.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "script/ctx.h"
#include "script/json_lua.h"
#include "script/raise.h"
#include "script/task.h"
#include "script/view.h"

static int run_from(lua_State *L, int ctx, int from);

/* next() in a handler: upvalues ctx, the number to go on from. */
static int l_next(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    return run_from(L, 1, (int)lua_tointeger(L, lua_upvalueindex(2)));
}

/* Push a raw JSON string's meaning. */
static void push_raw(lua_State *L, struct slice raw)
{
    if (!memchr(raw.p, '\\', raw.n)) {
        lua_pushlstring(L, raw.p, raw.n);
        return;
    }
    json_push(L, (struct slice){ raw.p - 1, raw.n + 2 });
}

/* Does the text match? Then the captures are ctx.match. */
static bool matches_pattern(lua_State *L, int ctx, const struct handler *h,
                            struct slice raw)
{
    int top = lua_gettop(L), n;

    push_raw(L, raw); /* text */
    if (h->plain) {
        struct slice text;
        bool equal;

        text.p = lua_tolstring(L, -1, &text.n);
        equal = slice_eq(text, h->pattern);

        lua_settop(L, top);
        return equal;
    }
    lua_getfield(L, -1, "match"); /* text, string.match */
    lua_insert(L, -2);
    lua_pushstring(L, h->pattern);
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
    lua_setfield(L, ctx, "match");
    return true;
}

static bool matches(lua_State *L, int ctx, const struct handler *h,
                    const struct update *u)
{
    if (h->type == HANDLER_HEARS)
        return matches_pattern(L, ctx, h, u->text);
    if (h->type == HANDLER_CALLBACK)
        return matches_pattern(L, ctx, h, u->data);
    return true;
}

static int handler_returned(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 0;
}

/* Run the first handler numbered from or higher that matches. */
static int run_from(lua_State *L, int ctx, int from)
{
    struct task *t = ctx_task(L, ctx);
    struct handlers *hs = &t->gen->handlers;
    const struct handler *h;
    int number = from - 1, nargs = 1;

    do {
        number = handlers_next(hs, &t->in->u, number + 1,
                               t->vm->services->bot_username);
        if (number < 0)
            return 0;
        h = &hs->list[number];
    } while (!matches(L, ctx, h, &t->in->u));
    t->handler = h->what;
    t->seconds = h->seconds;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->functions_ref);
    lua_rawgeti(L, -1, number + 1);
    lua_remove(L, -2);
    lua_pushvalue(L, ctx);
    if (h->wants_next) {
        lua_pushvalue(L, ctx);
        lua_pushinteger(L, number + 1);
        lua_pushcclosure(L, l_next, 2);
        nargs = 2;
    }
    lua_callk(L, nargs, 0, 0, handler_returned);
    return 0;
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
                                                : run_from(L, 1, 0);
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
    vm_add_traceback(L, 1, &t->trace);
    return 1;
}

static int caught(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
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
    lua_callk(L, 2, 0, 0, caught);
    return 0;
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
