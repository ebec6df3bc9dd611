/* ctx_methods.c - what a handler can do: ctx:reply() and the others. */
#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/admins.h"
#include "script/call.h"
#include "script/ctx.h"
#include "script/download.h"
#include "script/json_lua.h"
#include "script/raise.h"
#include "script/task.h"
#include "script/view.h"

/* --- writing bodies ----------------------------------------------------------- */

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

/* {"chat_id":…: the chat of the update, and the topic that it came from. */
static void add_chat(lua_State *L, struct buf *body, const struct update *u)
{
    if (!u->chat_id)
        luaL_error(L, "this update has no chat to send to");
    buf_adds(body, "{\"chat_id\":");
    buf_add_int(body, u->chat_id);
    add_json(body, "message_thread_id", u->topic);
    add_json(body, "business_connection_id", u->business);
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

/* ctx:reply(text [, options]) -> Message                                [waits] */
static int ctx_reply(lua_State *L)
{
    struct task *t = ctx_task(L, 1);
    struct buf *body;

    lua_settop(L, 3);
    body = json_push_buf(L);
    add_chat(L, body, &t->in->u);
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
static int ctx_answer(lua_State *L)
{
    const struct update *u = &ctx_task(L, 1)->in->u;
    struct buf *body;

    lua_settop(L, 3);
    if (u->kind == UPDATE_INLINE_QUERY)
        return answer_inline(L, u);
    if (u->kind != UPDATE_CALLBACK_QUERY)
        return luaL_error(L,
                          "ctx:answer() answers callback and inline "
                          "queries; this is a %s",
                          update_kind_name(u->kind));
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

/* {"chat_id":…,"message_id":… of the message that the update is about. */
static void add_message(lua_State *L, struct buf *body, const struct update *u)
{
    struct slice inline_id = json_get(u->payload, "inline_message_id");
    struct slice id = json_get(u->message, "message_id");

    if (inline_id.p) {
        buf_adds(body, "{\"inline_message_id\":");
        buf_add_slice(body, inline_id);
        return;
    }
    if (!id.p || !u->chat_id)
        luaL_error(L, "this update is not about a message");
    buf_adds(body, "{\"chat_id\":");
    buf_add_int(body, u->chat_id);
    add_json(body, "message_id", id);
}

/* ctx:edit(text [, options]): the message with the button that was pressed. [waits] */
static int ctx_edit(lua_State *L)
{
    struct task *t = ctx_task(L, 1);
    struct buf *body;

    lua_settop(L, 3);
    body = json_push_buf(L);
    add_message(L, body, &t->in->u);
    add_text_and_options(L, body);
    buf_addc(body, '}');
    return call_json(L, "editMessageText", body);
}

/* ctx:delete(): the message that the update is about.                   [waits] */
static int ctx_delete(lua_State *L)
{
    struct task *t = ctx_task(L, 1);
    struct buf *body = json_push_buf(L);

    add_message(L, body, &t->in->u);
    buf_addc(body, '}');
    return call_json(L, "deleteMessage", body);
}

/* --- administrators ----------------------------------------------------------------- */

/* Private chats and channels need no asking, nor do anonymous administrators. */
static bool is_admin_for_sure(const struct update *u)
{
    struct slice type = json_raw(json_get(u->chat, "type"));
    int64_t sender;

    if (slice_eq(type, "private") || !u->chat_id)
        return true;
    if (u->kind == UPDATE_CHANNEL_POST || u->kind == UPDATE_EDITED_CHANNEL_POST)
        return true;
    return u->kind != UPDATE_CALLBACK_QUERY &&
           json_to_int(json_path(u->message, "sender_chat", "id", NULL),
                       &sender) &&
           sender == u->chat_id;
}

static bool status_is_admin(struct slice member)
{
    struct slice status = json_raw(json_get(member, "status"));

    return slice_eq(status, "creator") || slice_eq(status, "administrator");
}

static int member_known(lua_State *L, int status, lua_KContext k)
{
    struct task *t = task_current(L);
    const struct tg_op *op = (struct tg_op *)t->finished;
    bool is_admin = false;

    (void)status;
    /* A person whom Telegram does not find in the chat is no administrator. */
    if (op->op.err.kind && op->error_code != 400)
        return raise_tg(L, op, "getChatMember");
    if (!op->op.err.kind)
        is_admin = status_is_admin(op->result);
    if (t->vm->services->admins)
        admins_put(t->vm->services->admins, t->in->u.chat_id, t->in->u.user_id,
                   loop_now_ms(), is_admin);
    lua_pushboolean(L, is_admin);
    return ((lua_KFunction)k)(L, LUA_OK, 0);
}

/* Push whether the update's person is an administrator, then go on in k. [waits] */
static int ask_admin(lua_State *L, lua_KFunction k)
{
    struct task *t = ctx_task(L, 1);
    const struct update *u = &t->in->u;
    struct services const *s = t->vm->services;
    struct buf body = BUF_INIT;
    bool is_admin = is_admin_for_sure(u);
    struct tg_op *op;

    if (is_admin || !u->user_id ||
        (s->admins && admins_get(s->admins, u->chat_id, u->user_id,
                                 loop_now_ms(), &is_admin))) {
        lua_pushboolean(L, is_admin);
        return k(L, LUA_OK, 0);
    }
    buf_addf(&body, "{\"chat_id\":%lld,\"user_id\":%lld}",
             (long long)u->chat_id, (long long)u->user_id);
    op = call_start(L, &(struct tg_call){ .method = "getChatMember",
                                          .body = &body });
    return task_wait_ctx(L, &op->op, (lua_KContext)k, member_known);
}

static int give_answer(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 1;
}

/* ctx:is_admin() -> boolean                                             [waits] */
static int ctx_is_admin(lua_State *L)
{
    return ask_admin(L, give_answer);
}

static int refused(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    return raise_stop(L);
}

static void add_reply_to(struct buf *body, struct slice message_id)
{
    if (!message_id.p)
        return; /* a reaction, a member who came … */
    buf_adds(body, ",\"reply_parameters\":{\"allow_sending_without_reply\":"
                   "true,\"message_id\":");
    buf_add_slice(body, message_id);
    buf_addc(body, '}');
}

static int refuse_unless_admin(lua_State *L, int status, lua_KContext k)
{
    struct task *t = ctx_task(L, 1);
    struct buf *body;
    const char *method = "sendMessage";
    bool pressed = t->in->u.kind == UPDATE_CALLBACK_QUERY;

    (void)status;
    (void)k;
    if (lua_toboolean(L, -1))
        return 0;
    body = json_push_buf(L);
    if (pressed) {
        method = "answerCallbackQuery";
        buf_adds(body, "{\"callback_query_id\":");
        buf_add_slice(body, json_get(t->in->u.payload, "id"));
        buf_adds(body, ",\"show_alert\":true");
    } else {
        add_chat(L, body, &t->in->u);
        add_reply_to(body, json_get(t->in->u.message, "message_id"));
    }
    buf_adds(body, ",\"text\":\"Only administrators can do this.\"}");
    return task_wait_ctx(
        L,
        &call_start(L, &(struct tg_call){ .method = method, .body = body })->op,
        0, refused);
}

/* ctx:require_admin(): ends the handler, with an answer, for anybody else. [waits] */
static int ctx_require_admin(lua_State *L)
{
    return ask_admin(L, refuse_unless_admin);
}

static struct view *own_view(struct task *t)
{
    return view_find(t, update_chat(&t->in->u));
}

static int tell_is_set(lua_State *L, int status, lua_KContext k)
{
    const struct setting *s = (const struct setting *)k;

    (void)status;
    lua_pushboolean(L, view_is_set(L, own_view(ctx_task(L, 1)), s));
    return 1;
}

/* Stack: ctx, path, …, config. */
static int find_setting(lua_State *L, int status, lua_KContext k)
{
    struct task *t = ctx_task(L, 1);
    const char *path = lua_tostring(L, 2);
    const struct setting *s = schema_find(t->gen->schema, path);

    (void)status;
    (void)k;
    if (!s || s->type == SETTING_SECTION)
        return luaL_error(L, "there is no setting \"%s\"", path);
    return view_load(L, own_view(t), s, (lua_KContext)s, tell_is_set);
}

/* ctx:is_set(path) -> boolean: has this chat a value of its own?         [waits] */
static int ctx_is_set(lua_State *L)
{
    ctx_task(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    return ctx_with_config(L, find_setting);
}

/* ctx:download(file_id [, name | function]): see bot.download.           [waits] */
static int ctx_download(lua_State *L)
{
    ctx_task(L, 1);
    lua_remove(L, 1);
    return download(L);
}

const luaL_Reg ctx_methods[] = {
    { "answer", ctx_answer },
    { "delete", ctx_delete },
    { "download", ctx_download },
    { "edit", ctx_edit },
    { "is_admin", ctx_is_admin },
    { "is_set", ctx_is_set },
    { "reply", ctx_reply },
    { "require_admin", ctx_require_admin },
    { NULL, NULL },
};
