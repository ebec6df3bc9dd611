/* ctx_send.c - ctx:reply() and ctx:answer(): the calls that every bot makes all the
 * time. What needs more than one call, or a look at its text, goes on in
 * lua/moonpost.send.lua. */
#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/call.h"
#include "script/ctx_int.h"
#include "script/json_lua.h"
#include "telegram/text_split.h"

static void add_key(struct buf *body, const char *key)
{
    buf_adds(body, ",\"");
    buf_adds(body, key);
    buf_adds(body, "\":");
}

/* "key":<text at index>; numbers are texts too. */
static void add_text(lua_State *L, struct buf *body, const char *key, int index)
{
    struct slice text;
    struct err err = ERR_INIT;

    text.p = luaL_checklstring(L, index, &text.n);
    add_key(body, key);
    if (!json_add_string(body, text, &err))
        luaL_error(L, "%s: %s", key, err.text);
}

static void add_json(struct buf *body, const char *key, struct slice value)
{
    if (!value.p)
        return;
    add_key(body, key);
    buf_add_slice(body, value);
}

void ctx_add_chat(lua_State *L, struct buf *body, const struct update *u)
{
    if (!u->chat_id)
        luaL_error(L, "this update has no chat to send to");
    buf_adds(body, "{\"chat_id\":");
    buf_add_int(body, u->chat_id);
    add_json(body, "message_thread_id", u->topic);
    add_json(body, "business_connection_id", u->business);
    add_json(body, "direct_messages_topic_id", json_get(u->direct, "topic_id"));
}

/* A text and options, or a table with everything, from index 2 on. */
static void add_text_and_options(lua_State *L, struct buf *body)
{
    if (lua_istable(L, 2)) {
        call_add_options(L, body, 2);
        return;
    }
    add_text(L, body, "text", 2);
    call_add_options(L, body, 3);
}

/* --- methods -------------------------------------------------------------------- */

/* Has the table at index nothing that is to be looked at? */
static bool is_plain(lua_State *L, int index)
{
    static const char *const ours[] = { "chat_id", "ephemeral", "quote" };
    bool plain = true;

    if (!lua_istable(L, index))
        return lua_isnil(L, index);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        lua_pushstring(L, ours[i]);
        plain = lua_rawget(L, index) == LUA_TNIL && plain;
        lua_pop(L, 1);
    }
    return plain;
}

/* Does the text at index fit into a message whatever is in it? */
static bool fits(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING ? lua_rawlen(L, index) <= TEXT_MAX
                                             : lua_isnumber(L, index);
}

/* One call, and nothing to look at. A table is all parameters, or a text of fmt,
 * which has a metatable. */
static bool is_simple(lua_State *L)
{
    bool simple;

    if (!lua_istable(L, 2))
        return fits(L, 2) && is_plain(L, 3);
    if (lua_getmetatable(L, 2)) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushliteral(L, "text");
    lua_rawget(L, 2);
    simple = fits(L, -1) && is_plain(L, 2);
    lua_pop(L, 1);
    return simple;
}

/* ctx:reply(text [, options]) -> Message [, all of them]                [waits] */
int ctx_reply(lua_State *L)
{
    struct task *t = ctx_task(L, 1);
    struct buf *body;

    lua_settop(L, 3);
    if (!is_simple(L))
        return ctx_go_on_in_lua(L, "reply");
    body = json_push_buf(L);
    ctx_add_chat(L, body, &t->in->u);
    add_text_and_options(L, body);
    buf_addc(body, '}');
    return call_json(L, "sendMessage", body);
}

static int answer_inline(lua_State *L, const struct update *u)
{
    struct buf *body;
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct err err = ERR_INIT;

    luaL_checktype(L, 2, LUA_TTABLE);
    body = json_push_buf(L);
    buf_adds(body, "{\"inline_query_id\":");
    buf_add_slice(body, json_get(u->payload, "id"));
    buf_adds(body, ",\"results\":");
    if (lua_rawlen(L, 2) == 0)
        buf_adds(body, "[]");
    else if (!json_add_lua(L, 2, &options, body, &err))
        return luaL_error(L, "results: %s", err.text);
    call_add_options(L, body, 3);
    buf_addc(body, '}');
    return call_json(L, "answerInlineQuery", body);
}

/* ctx:answer([text] [, options]): of a callback query, a toast or with
 * show_alert an alert; ctx:answer(results [, options]) of an inline query. [waits] */
int ctx_answer(lua_State *L)
{
    const struct update *u = &ctx_task(L, 1)->in->u;
    struct buf *body;

    lua_settop(L, 3);
    if (u->kind == UPDATE_INLINE_QUERY)
        return answer_inline(L, u);
    if (u->kind != UPDATE_CALLBACK_QUERY)
        return ctx_go_on_in_lua(L, "answer");
    body = json_push_buf(L);
    buf_adds(body, "{\"callback_query_id\":");
    buf_add_slice(body, json_get(u->payload, "id"));
    if (!lua_isnoneornil(L, 2))
        add_text_and_options(L, body);
    else
        call_add_options(L, body, 3);
    buf_addc(body, '}');
    return call_json(L, "answerCallbackQuery", body);
}
