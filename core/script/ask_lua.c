/*
 * ask_lua.c - ctx:ask() and ctx:wait(): what lua/moonpost.ask.lua stands on.
 *
 * What is wrong comes back as nil and a message: the file raises it, at the
 * author's line.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/duration.h"
#include "base/json.h"
#include "script/ask_int.h"
#include "script/ctx.h"
#include "script/modules.h"
#include "script/raise.h"
#include "script/view.h"

#define ENDED_MAX 1000 /* bytes of what is said if the program ends */

/* --- reading what is asked for ------------------------------------------------------ */

static int64_t get_int(lua_State *L, const char *name)
{
    int64_t n;

    lua_getfield(L, 2, name);
    n = (int64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return n;
}

/* A copy of a text; NULL: there is none. */
static char *get_text(lua_State *L, const char *name)
{
    char *text = NULL;

    lua_getfield(L, 2, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text = xstrdup(lua_tostring(L, -1));
    lua_pop(L, 1);
    return text;
}

static enum ask_commands get_commands(lua_State *L)
{
    enum ask_commands commands = ASK_COMMANDS_PASS;
    const char *word;

    lua_getfield(L, 2, "commands");
    word = lua_tostring(L, -1);
    if (word && strcmp(word, "end") == 0)
        commands = ASK_COMMANDS_END;
    else if (word && strcmp(word, "take") == 0)
        commands = ASK_COMMANDS_TAKE;
    lua_pop(L, 1);
    return commands;
}

/* One that can't be guessed, or that of the question that is asked again. */
static void get_id(lua_State *L, char *id, size_t size)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    unsigned char random[8] = { 0 };
    size_t i;

    lua_getfield(L, 2, "id");
    if (lua_type(L, -1) == LUA_TSTRING) {
        strncpy(id, lua_tostring(L, -1), size - 1);
        id[size - 1] = '\0';
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        memcpy(random, &(int64_t){ loop_now_ns() }, sizeof(random));
    for (i = 0; i < sizeof(random) && i + 1 < size; i++)
        id[i] = digits[random[i] % 36];
    id[i] = '\0';
}

/* A filter, or NULL; false: it can't be one, and nil and why are pushed. */
static bool get_filter(lua_State *L, const struct task *t, struct filter **out)
{
    struct filter *f = xalloc(sizeof(*f));
    struct err err = ERR_INIT;

    *out = NULL;
    lua_getfield(L, 2, "filter");
    if (!lua_isstring(L, -1)) {
        lua_pop(L, 1);
        free(f);
        return true;
    }
    if (!filter_parse(f, lua_tostring(L, -1), &err))
        goto wrong;
    lua_pop(L, 1);
    for (int kind = 0; kind < UPDATE_KINDS; kind++)
        if ((f->kinds & (uint64_t)1 << kind) &&
            handlers_gets_kind(&t->gen->handlers, (enum update_kind)kind)) {
            *out = f;
            return true;
        }
    err_set(&err, ERR_SCRIPT,
            "this bot gets no such updates, since no handler is for them; "
            "register one for that kind, with bot.on()");
wrong:
    free(f);
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return false;
}

static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* open(ctx, asked) -> id | nil, message. asked: chat, user, topic, ms; filter,
 * cancel, commands, ended, id. */
static int l_open(lua_State *L)
{
    struct task *t = ctx_task(L, 1);
    struct asks *asks = t->vm->services->asks;
    struct filter *filter;
    struct ask *ask;
    struct ask_key key;
    int64_t ms;

    lua_settop(L, 2);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!asks || !asks->push)
        return refuse(L, "nobody can be asked here");
    if (task_fiber(L)->parent)
        return refuse(L, "nobody can be asked in a function of parallel()");
    ask_free(t->ask);
    t->ask = NULL;
    if (asks_count(asks) >= asks->options.max) {
        lua_pushnil(L);
        lua_pushfstring(L,
                        "%d questions wait to be answered already (ASKS_MAX)",
                        asks_count(asks));
        return 2;
    }
    if (!get_filter(L, t, &filter))
        return 2;
    if (t->vm->services->tg)
        asks->bot_id = tg_bot_id(t->vm->services->tg);
    key = (struct ask_key){ get_int(L, "chat"), get_int(L, "user"),
                            get_int(L, "topic") };
    ms = get_int(L, "ms");
    t->ask = ask = ask_open(asks, t, &key, ms);
    ask->filter = filter;
    ask->cancel = get_text(L, "cancel");
    ask->ended = get_text(L, "ended");
    ask->commands = get_commands(L);
    get_id(L, ask->id, sizeof(ask->id));
    ask_noted(ask, ms);
    lua_pushstring(L, ask->id);
    return 1;
}

/* close(ctx): nobody is asked after all. */
static int l_close(lua_State *L)
{
    struct task *t = ctx_task(L, 1);

    ask_free(t->ask);
    t->ask = NULL;
    return 0;
}

/* --- waiting -------------------------------------------------------------------------- */

static int give_answer(lua_State *L, int status, lua_KContext why)
{
    struct task *t = task_find(L);

    (void)status;
    if (t->current) {
        ctx_push_answer(L, t, t->current);
        return 1;
    }
    return refuse(L, (const char *)why);
}

static int answered(lua_State *L, int status, lua_KContext k)
{
    const struct ask *ask = (struct ask *)task_finished(L);

    (void)status;
    (void)k;
    return views_refresh(L, (lua_KContext)ask->why, give_answer);
}

static int wait_now(lua_State *L, int status, lua_KContext k)
{
    struct task *t = ctx_task(L, 1);
    struct ask *ask = t->ask;
    struct incoming *early = ask->in;

    (void)status;
    (void)k;
    t->ask = NULL;
    ask->waiting = true;
    ask->in = NULL;
    task_ask(t);
    views_age(t);
    if (early)
        ask->asks->push(early, ask->asks->push_arg);
    else if (ask->why)
        ask_wake(ask);
    return task_wait(L, &ask->op, answered);
}

/* wait(ctx) -> ctx of the answer | nil, why                             [waits] */
static int l_wait(lua_State *L)
{
    struct task *t = ctx_task(L, 1);

    lua_settop(L, 1);
    if (t->nfibers)
        return luaL_error(L, "can't wait for an answer beside parallel()");
    if (!lua_isyieldable(L))
        return luaL_error(L, "can't wait here: inside a function that was "
                             "called from C (__tostring, a message handler "
                             "of xpcall, what cjson calls)");
    if (!t->ask)
        return luaL_error(L, "nobody is asked");
    return task_commit(L, wait_now);
}

/* --- the module -------------------------------------------------------------------------- */

/* stop(): ends the handler; all has been said. */
static int l_stop(lua_State *L)
{
    return raise_stop(L);
}

/* duration(value) -> milliseconds | nil, message */
static int l_duration(lua_State *L)
{
    struct err err = ERR_INIT;
    struct slice text;
    int64_t ms;
    bool ok;

    if (lua_type(L, 1) == LUA_TNUMBER) {
        ok = duration_of_seconds(lua_tonumber(L, 1), &ms, &err);
    } else if (lua_type(L, 1) == LUA_TSTRING) {
        text.p = lua_tolstring(L, 1, &text.n);
        ok = duration_parse(text, &ms, &err);
    } else {
        return refuse(L, "must be a duration, as \"10m\", or seconds");
    }
    if (!ok)
        return refuse(L, err.text);
    lua_pushinteger(L, ms);
    return 1;
}

static void push_id(lua_State *L, int64_t id)
{
    if (id)
        lua_pushinteger(L, id);
    else
        lua_pushnil(L);
}

/* place(ctx) -> chat, user, topic, message: numbers or nil. Nothing of the update is
 * decoded for it: it would stay in memory as long as the question waits. */
static int l_place(lua_State *L)
{
    const struct update *u = &ctx_task(L, 1)->in->u;
    int64_t topic = 0, message = 0;

    if (u->topic.n)
        json_to_int(u->topic, &topic);
    if (u->kind == UPDATE_MESSAGE)
        json_to_int(json_get(u->message, "message_id"), &message);
    push_id(L, u->chat_id);
    push_id(L, u->user_id);
    push_id(L, topic);
    push_id(L, message);
    return 4;
}

/* now() -> milliseconds of a clock that never jumps */
static int l_now(lua_State *L)
{
    lua_pushinteger(L, loop_now_ms());
    return 1;
}

static const luaL_Reg functions[] = {
    { "close", l_close }, { "duration", l_duration },
    { "now", l_now },     { "open", l_open },
    { "place", l_place }, { "stop", l_stop },
    { "wait", l_wait },   { NULL, NULL },
};

void mod_ask_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
    lua_pushinteger(L, ASK_TIMEOUT_MAX_MS);
    lua_setfield(L, -2, "timeout_max");
    lua_pushinteger(L, ENDED_MAX);
    lua_setfield(L, -2, "ended_max");
}

static int give_results(lua_State *L, int status, lua_KContext before)
{
    (void)status;
    return lua_gettop(L) - (int)before;
}

/* Call a function of lua/moonpost.ask.lua with what was given. */
static int call_lua(lua_State *L, const char *name)
{
    int n = lua_gettop(L);

    require_own(L, ctx_task(L, 1)->gen, "moonpost.ask");
    lua_getfield(L, -1, name);
    lua_replace(L, -2);
    lua_insert(L, 1);
    lua_callk(L, n, LUA_MULTRET, 0, give_results);
    return give_results(L, LUA_OK, 0);
}

int ctx_ask(lua_State *L)
{
    return call_lua(L, "ask");
}

int ctx_wait(lua_State *L)
{
    return call_lua(L, "wait");
}
