/* ctx_typing.c - "typing …" while a function runs: ctx:typing(f). */
#include <lauxlib.h>

#include "base/json.h"
#include "script/call.h"
#include "script/ctx_int.h"
#include "script/json_lua.h"

#define KEEPER_MT "moonpost.typing"

/* Telegram shows it for 5 s. */
#define AGAIN_MS 4500

struct keeper {
    struct sender *sender;
    struct loop *loop;
    struct buf body;
    struct op *timer;
    struct op *call; /* nobody waits for it */
};

static void on_timer(struct op *op);

static void on_call(struct op *op)
{
    struct keeper *k = op->arg;

    k->call = NULL; /* what came of it does not matter: it is a courtesy */
    op_free(op);
}

static void say(struct keeper *k)
{
    struct buf body = BUF_INIT;

    buf_add_slice(&body, buf_slice(&k->body));
    op_free(k->call);
    k->call = &send_start(k->sender,
                          &(struct tg_call){ .method = "sendChatAction",
                                             .body = &body },
                          SEND_REPLY)
                   ->op;
    k->call->done = on_call;
    k->call->arg = k;
    k->timer = timer_start(k->loop, AGAIN_MS);
    k->timer->done = on_timer;
    k->timer->arg = k;
}

static void on_timer(struct op *op)
{
    struct keeper *k = op->arg;

    op_free(op);
    k->timer = NULL;
    say(k);
}

static int keeper_close(lua_State *L)
{
    struct keeper *k = luaL_checkudata(L, 1, KEEPER_MT);

    op_free(k->timer);
    op_free(k->call);
    buf_release(&k->body);
    k->timer = k->call = NULL;
    return 0;
}

int ctx_core_keep_typing(lua_State *L)
{
    const struct services *s = task_current(L)->vm->services;
    struct err err = ERR_INIT;
    struct keeper *k;

    luaL_checktype(L, 1, LUA_TTABLE);
    k = lua_newuserdatauv(L, sizeof(*k), 0);
    *k = (struct keeper){ .sender = s->sender, .loop = s->loop };
    buf_init(&k->body);
    luaL_setmetatable(L, KEEPER_MT);
    if (!json_add_lua(L, 1, NULL, &k->body, &err))
        return luaL_error(L, "%s", err.text);
    if (k->sender)
        say(k);
    return 1;
}

void ctx_typing_open(lua_State *L)
{
    luaL_newmetatable(L, KEEPER_MT);
    lua_pushcfunction(L, keeper_close);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, keeper_close);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
