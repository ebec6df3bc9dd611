/* ctx_fields.c - shortcuts into the update: ctx.message_id, ctx.reply_to … */
#include "base/json.h"
#include "script/ctx_int.h"
#include "script/json_lua.h"

static int push(lua_State *L, struct slice value)
{
    if (value.p)
        json_push(L, value);
    else
        lua_pushnil(L);
    return 1;
}

static int push_id(lua_State *L, int64_t id)
{
    if (id)
        lua_pushinteger(L, id);
    else
        lua_pushnil(L);
    return 1;
}

int ctx_get_user_id(lua_State *L, struct task *t)
{
    return push_id(L, t->in->u.user_id);
}

/* Of a reaction, too: it has no message. */
int ctx_get_message_id(lua_State *L, struct task *t)
{
    struct slice id = json_get(t->in->u.message, "message_id");

    return push(L, id.p ? id : json_get(t->in->u.payload, "message_id"));
}

int ctx_get_inline_message_id(lua_State *L, struct task *t)
{
    return push(L, json_get(t->in->u.payload, "inline_message_id"));
}

int ctx_get_business_connection_id(lua_State *L, struct task *t)
{
    return push(L, t->in->u.business);
}

int ctx_get_topic(lua_State *L, struct task *t)
{
    return push(L, t->in->u.topic);
}

int ctx_get_caption(lua_State *L, struct task *t)
{
    return push(L, json_get(t->in->u.message, "caption"));
}

/* Of a press, the message is the bot's, and says nothing about who pressed. */
int ctx_get_sender_chat(lua_State *L, struct task *t)
{
    struct slice chat = SLICE_NONE;

    if (t->in->u.kind == UPDATE_MESSAGE_REACTION)
        chat = json_get(t->in->u.payload, "actor_chat");
    else if (t->in->u.kind == UPDATE_POLL_ANSWER)
        chat = json_get(t->in->u.payload, "voter_chat");
    else if (t->in->u.kind != UPDATE_CALLBACK_QUERY)
        chat = json_get(t->in->u.message, "sender_chat");
    return push(L, chat);
}

/* What is no reply within a topic "replies" to the message that made the topic. */
int ctx_get_reply_to(lua_State *L, struct task *t)
{
    struct slice to = json_get(t->in->u.message, "reply_to_message");

    return push(L, json_get(to, "forum_topic_created").p ? SLICE_NONE : to);
}

int ctx_get_me(lua_State *L, struct task *t)
{
    return push(L, t->vm->services->me);
}

/* The ctx is at 1. */
int ctx_get_here(lua_State *L, struct task *t)
{
    ctx_push_lua_method(L, t->gen, "here_of");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}
