/* ctx.c - see ctx.h. */
#include "script/ctx.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/call.h"
#include "script/ctx_args.h"
#include "script/ctx_int.h"
#include "script/json_lua.h"
#include "script/mod_store.h"
#include "script/raise.h"
#include "script/task.h"
#include "script/view.h"

#define CTX_MT "moonpost.ctx"

static const char ctx_key; /* in the registry: the metatable */

struct ctx {
    struct task *task;   /* NULL: it has ended */
    struct incoming *in; /* what it is about: one of the task's */
};

/* The ctx at 1 has the fields read so far, and a script's own, as uservalue 1. */
enum { FIELDS = 1 };

static struct ctx *check_ctx(lua_State *L, int index)
{
    struct ctx *c = lua_touserdata(L, index);
    bool ok = false;

    if (c && lua_getmetatable(L, index)) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &ctx_key);
        ok = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    if (!ok)
        luaL_error(L, "ctx expected; call methods with a colon: ctx:reply(…)");
    return c;
}

struct task *ctx_task(lua_State *L, int index)
{
    struct ctx *c = check_ctx(L, index);

    if (!c->task)
        luaL_error(L, "this ctx belongs to an update that is done");
    if (c->task != task_find(L))
        luaL_error(L, "this ctx belongs to another update");
    c->task->in = c->in;
    return c->task;
}

/* --- fields: each pushes its value ----------------------------------------------- */

static int push_json(lua_State *L, struct slice value)
{
    if (value.p)
        json_push(L, value);
    else
        lua_pushnil(L);
    return 1;
}

/* A raw string: with its quotes, which stand around it in the text. */
static int push_raw(lua_State *L, struct slice raw)
{
    if (!raw.p)
        lua_pushnil(L);
    else
        json_push(L, (struct slice){ raw.p - 1, raw.n + 2 });
    return 1;
}

static int get_update(lua_State *L, struct task *t)
{
    return push_json(L, buf_slice(&t->in->text));
}

static int get_update_id(lua_State *L, struct task *t)
{
    lua_pushinteger(L, t->in->u.id);
    return 1;
}

static int get_kind(lua_State *L, struct task *t)
{
    struct slice name = t->in->u.kind_name;

    lua_pushlstring(L, name.p ? name.p : "", name.n);
    return 1;
}

static int get_message(lua_State *L, struct task *t)
{
    return push_json(L, t->in->u.message);
}

static int get_chat(lua_State *L, struct task *t)
{
    return push_json(L, t->in->u.chat);
}

static int get_chat_id(lua_State *L, struct task *t)
{
    if (t->in->u.chat_id)
        lua_pushinteger(L, t->in->u.chat_id);
    else
        lua_pushnil(L);
    return 1;
}

static int get_from(lua_State *L, struct task *t)
{
    return push_json(L, t->in->u.from);
}

static int get_text(lua_State *L, struct task *t)
{
    return push_raw(L, t->in->u.text);
}

static int get_data(lua_State *L, struct task *t)
{
    return push_raw(L, t->in->u.data);
}

static int get_command(lua_State *L, struct task *t)
{
    struct slice command = t->in->u.command;

    if (command.n)
        lua_pushlstring(L, command.p, command.n);
    else
        lua_pushnil(L);
    return 1;
}

/* Push what stands after the command, unescaped. */
static const char *push_args_text(lua_State *L, struct task *t)
{
    struct slice raw = t->in->u.command_args;
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, raw.n);

    luaL_pushresultsize(&b, json_unescape(to, raw));
    return lua_tostring(L, -1);
}

static int get_match(lua_State *L, struct task *t)
{
    if (t->in->u.command.n)
        push_args_text(L, t);
    else
        lua_pushnil(L);
    return 1;
}

static int get_api(lua_State *L, struct task *t)
{
    (void)t;
    call_push_api(L);
    return 1;
}

/* Whom it is about, as the config. */
static int get_store(lua_State *L, struct task *t)
{
    int64_t chat = update_chat(&t->in->u);

    if (!chat)
        return luaL_error(L, "this update is about no chat and no person, so "
                             "it has no store");
    store_push(L, chat);
    return 1;
}

static int get_user_store(lua_State *L, struct task *t)
{
    if (!t->in->u.user_id)
        return luaL_error(L, "this update is of no person, so there is no "
                             "ctx.user_store");
    store_push(L, t->in->u.user_id);
    return 1;
}

/* --- config: may wait for the database --------------------------------------------- */

/* Keep the value at the top as the ctx's field. */
static void keep_field(lua_State *L, const char *name)
{
    lua_getiuservalue(L, 1, FIELDS);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static int got_config(lua_State *L, int status, lua_KContext k)
{
    lua_KFunction then = (lua_KFunction)lua_touserdata(L, -2); /* k, config */

    (void)status;
    (void)k;
    lua_remove(L, -2);
    keep_field(L, "config");
    return then(L, LUA_OK, 0);
}

int ctx_with_config(lua_State *L, lua_KFunction k)
{
    struct task *t = ctx_task(L, 1);
    int64_t chat = update_chat(&t->in->u);

    lua_getiuservalue(L, 1, FIELDS);
    lua_getfield(L, -1, "config");
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return k(L, LUA_OK, 0);
    lua_pop(L, 1);
    if (!chat)
        return luaL_error(L, "this update is about no chat and no person, so "
                             "it has no config");
    lua_pushlightuserdata(L, (void *)k); /* of parallel(), several may wait */
    return view_with(L, t, chat, got_config);
}

static int give_config(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 1;
}

static int get_config(lua_State *L, struct task *t)
{
    (void)t;
    return ctx_with_config(L, give_config);
}

static int give_derived(lua_State *L, int status, lua_KContext k)
{
    struct task *t = ctx_task(L, 1);

    (void)status;
    (void)k;
    view_push_derived(L, view_find(t, update_chat(&t->in->u)));
    keep_field(L, "derived");
    return 1;
}

static int get_derived(lua_State *L, struct task *t)
{
    (void)t;
    return ctx_with_config(L, give_derived);
}

/* --- the metatable -------------------------------------------------------------------- */

typedef int (*getter_fn)(lua_State *L, struct task *t);

struct field {
    const char *name;
    getter_fn get;
    bool keeps_itself; /* stores the value in the fields, when it has it */
};

static const struct field fields[] = {
    { "api", get_api, false },
    { "args", ctx_get_args, false },
    { "business_connection_id", ctx_get_business_connection_id, false },
    { "callback_data", get_data, false },
    { "caption", ctx_get_caption, false },
    { "chat", get_chat, false },
    { "chat_id", get_chat_id, false },
    { "command", get_command, false },
    { "config", get_config, true },
    { "data", get_data, false },
    { "derived", get_derived, true },
    { "from", get_from, false },
    { "here", ctx_get_here, false },
    { "inline_message_id", ctx_get_inline_message_id, false },
    { "kind", get_kind, false },
    { "match", get_match, false },
    { "me", ctx_get_me, false },
    { "message", get_message, false },
    { "message_id", ctx_get_message_id, false },
    { "msg", get_message, false },
    { "payload", ctx_get_payload, false },
    { "reply_to", ctx_get_reply_to, false },
    { "sender_chat", ctx_get_sender_chat, false },
    { "store", get_store, false },
    { "text", get_text, false },
    { "topic", ctx_get_topic, false },
    { "update", get_update, false },
    { "update_id", get_update_id, false },
    { "user_id", ctx_get_user_id, false },
    { "user_store", get_user_store, false },
    { NULL, NULL, false },
};

/* Upvalue 1: names → method functions, false for those in Lua, or light userdata of
 * a struct field. */
static int ctx_index(lua_State *L)
{
    struct ctx *c = lua_touserdata(L, 1);
    const struct field *f;
    struct task *t;
    bool in_lua;
    int n;

    lua_settop(L, 2);
    lua_getiuservalue(L, 1, FIELDS); /* ctx, key, fields */
    lua_pushvalue(L, 2);
    if (lua_rawget(L, 3) != LUA_TNIL)
        return 1;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TFUNCTION)
        return 1;
    f = lua_touserdata(L, -1);
    in_lua = lua_isboolean(L, -1);
    if (!c->task && (f || in_lua || lua_type(L, 2) != LUA_TSTRING))
        return luaL_error(L, "this ctx belongs to an update that is done");
    t = c->task;
    if (in_lua) {
        ctx_push_lua_method(L, t->gen, lua_tostring(L, 2));
        return 1;
    }
    if (t)
        t->in = c->in;
    lua_settop(L, 3);
    if (!f) {
        /* the payload under its own name: ctx.callback_query, ctx.poll, … */
        if (!t || lua_type(L, 2) != LUA_TSTRING ||
            !slice_eq(t->in->u.kind_name, lua_tostring(L, 2)))
            return 0;
        n = push_json(L, t->in->u.payload);
    } else if (f->keeps_itself) {
        return f->get(L, t);
    } else {
        n = f->get(L, t);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 3);
    return n;
}

static int ctx_newindex(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING &&
        (strcmp(lua_tostring(L, 2), "config") == 0 ||
         strcmp(lua_tostring(L, 2), "derived") == 0))
        return luaL_error(L,
                          "ctx.%s can't be replaced; assign to the settings "
                          "in ctx.config",
                          lua_tostring(L, 2));
    lua_getiuservalue(L, 1, FIELDS);
    lua_replace(L, 1);
    lua_rawset(L, 1);
    return 0;
}

void ctx_open(lua_State *L)
{
    ctx_typing_open(L);
    luaL_newmetatable(L, CTX_MT);
    lua_newtable(L);
    luaL_setfuncs(L, ctx_methods, 0);
    for (const struct field *f = fields; f->name; f++) {
        lua_pushlightuserdata(L, (void *)f);
        lua_setfield(L, -2, f->name);
    }
    lua_pushcclosure(L, ctx_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, ctx_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ctx_key);
}

/* Push a ctx of one of the task's updates. */
static struct ctx *push_ctx(lua_State *L, struct task *t, struct incoming *in)
{
    struct ctx *c = lua_newuserdatauv(L, sizeof(*c), 1);

    *c = (struct ctx){ .in = in };
    lua_newtable(L);
    lua_setiuservalue(L, -2, FIELDS);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ctx_key);
    lua_setmetatable(L, -2);
    c->task = t;
    in->ctx = c;
    return c;
}

void ctx_push(lua_State *L, struct task *t)
{
    t->ctx = push_ctx(L, t, t->in);
}

/* The registry has it, since the script may drop it before its task ends. */
void ctx_push_answer(lua_State *L, struct task *t, struct incoming *in)
{
    struct ctx *c;

    in->ctx = NULL;
    c = push_ctx(L, t, in);
    in->ctx = NULL; /* till it is kept */
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, in);
    in->ctx = c;
}

void ctx_forget(struct task *t, struct incoming *in)
{
    if (!in->ctx)
        return;
    in->ctx->task = NULL;
    if (in->ctx != t->ctx) {
        lua_pushnil(t->vm->L);
        lua_rawsetp(t->vm->L, LUA_REGISTRYINDEX, in);
    }
    in->ctx = NULL;
}

void ctx_end(struct task *t)
{
    struct incoming *in;

    TAILQ_FOREACH (in, &t->updates, link)
        ctx_forget(t, in);
    views_end(t);
    t->ctx = NULL;
}
