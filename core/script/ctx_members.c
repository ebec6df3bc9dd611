/* ctx_members.c - who the people of a chat are there: ctx:is_admin(), and what
 * lua/moonpost.members.lua stands on. */
#include <lauxlib.h>

#include "base/json.h"
#include "script/admins.h"
#include "script/call.h"
#include "script/ctx_int.h"
#include "script/json_lua.h"
#include "script/modules.h"
#include "script/raise.h"

/* --- getChatMember, remembered ---------------------------------------------------- */

/* Push the ChatMember that is remembered, as text, or nil. false: none is. */
static bool push_remembered(lua_State *L, int64_t chat, int64_t user)
{
    struct admins *admins = vm_of(L)->services->admins;
    struct slice member;

    if (!admins || !admins_get(admins, chat, user, loop_now_ms(), &member))
        return false;
    if (member.p)
        lua_pushlstring(L, member.p, member.n);
    else
        lua_pushnil(L);
    return true;
}

/* Ask Telegram, and go on in k, which begins with took_member(). */
static int ask_member(lua_State *L, int64_t chat, int64_t user,
                      lua_KContext ctx, lua_KFunction k)
{
    struct buf body = BUF_INIT;

    buf_addf(&body, "{\"chat_id\":%lld,\"user_id\":%lld}", (long long)chat,
             (long long)user);
    lua_pushinteger(L, chat);
    lua_pushinteger(L, user);
    return task_wait_ctx(L,
                         &call_start(L, &(struct tg_call){ .method =
                                                               "getChatMember",
                                                           .body = &body })
                              ->op,
                         ctx, k);
}

/* Remember the answer, and push it as text; nil: Telegram finds no such person
 * there. Raises any other error. */
static void took_member(lua_State *L)
{
    const struct tg_op *op = (struct tg_op *)task_finished(L);
    int64_t chat = lua_tointeger(L, -2), user = lua_tointeger(L, -1);
    struct admins *admins = vm_of(L)->services->admins;
    struct slice member = op->op.err.kind ? SLICE_NONE : op->result;

    if (op->op.err.kind && op->error_code != 400)
        raise_tg(L, op, "getChatMember");
    if (admins)
        admins_put(admins, chat, user, loop_now_ms(), member);
    if (member.p)
        lua_pushlstring(L, member.p, member.n);
    else
        lua_pushnil(L);
}

static struct slice text_at_top(lua_State *L)
{
    struct slice s;

    s.p = lua_tolstring(L, -1, &s.n);
    return s;
}

static int give_member(lua_State *L)
{
    if (!lua_isnil(L, -1))
        json_push(L, text_at_top(L));
    return 1;
}

static int member_came(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    took_member(L);
    return give_member(L);
}

int ctx_core_member(lua_State *L)
{
    int64_t chat = luaL_checkinteger(L, 1), user = luaL_checkinteger(L, 2);

    if (push_remembered(L, chat, user))
        return give_member(L);
    return ask_member(L, chat, user, 0, member_came);
}

/* core.forget(chat_id, user_id): something changed there. */
int ctx_core_forget(lua_State *L)
{
    struct admins *admins = vm_of(L)->services->admins;

    if (admins)
        admins_forget(admins, luaL_checkinteger(L, 1), luaL_checkinteger(L, 2));
    return 0;
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

/* Replace the ChatMember's text at the top by whether it is an administrator's. */
static void judge(lua_State *L)
{
    bool is_admin = lua_isstring(L, -1) && status_is_admin(text_at_top(L));

    lua_pushboolean(L, is_admin);
}

static int admin_came(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    took_member(L);
    judge(L);
    return ((lua_KFunction)k)(L, LUA_OK, 0);
}

/* Push whether the update's person is an administrator, then go on in k. [waits] */
static int ask_admin(lua_State *L, lua_KFunction k)
{
    const struct update *u = &ctx_task(L, 1)->in->u;

    if (is_admin_for_sure(u) || !u->user_id) {
        lua_pushboolean(L, is_admin_for_sure(u));
        return k(L, LUA_OK, 0);
    }
    if (push_remembered(L, u->chat_id, u->user_id)) {
        judge(L);
        return k(L, LUA_OK, 0);
    }
    return ask_member(L, u->chat_id, u->user_id, (lua_KContext)k, admin_came);
}

static int give_answer(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 1;
}

/* ctx:is_admin([user]) -> boolean                                       [waits] */
int ctx_is_admin(lua_State *L)
{
    if (!lua_isnoneornil(L, 2))
        return ctx_go_on_in_lua(L, "is_admin_of");
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

static void add_refusal(lua_State *L, struct buf *body)
{
    struct slice text;

    text.p = luaL_checklstring(L, 2, &text.n);
    buf_adds(body, ",\"text\":");
    json_add_text(body, text);
    buf_addc(body, '}');
}

/* Say the text at 2. Above it is only what is not needed any more. */
static int refuse(lua_State *L)
{
    struct task *t = ctx_task(L, 1);
    struct buf *body;
    const char *method = "sendMessage";
    bool pressed = t->in->u.kind == UPDATE_CALLBACK_QUERY;

    body = json_push_buf(L);
    if (pressed) {
        method = "answerCallbackQuery";
        buf_adds(body, "{\"callback_query_id\":");
        buf_add_slice(body, json_get(t->in->u.payload, "id"));
        buf_adds(body, ",\"show_alert\":true");
    } else {
        ctx_add_chat(L, body, &t->in->u);
        add_reply_to(body, json_get(t->in->u.message, "message_id"));
    }
    add_refusal(L, body);
    return task_wait_ctx(
        L,
        &call_start(L, &(struct tg_call){ .method = method, .body = body })->op,
        0, refused);
}

static int refuse_in_words(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    lua_replace(L, 2);
    return refuse(L);
}

static int refuse_unless_admin(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    if (lua_toboolean(L, -1))
        return 0;
    if (!lua_isnil(L, 2))
        return refuse(L);
    require_own(L, ctx_task(L, 1)->gen, "moonpost.says");
    lua_getfield(L, -1, "of");
    lua_pushvalue(L, 1);
    lua_pushliteral(L, "moonpost.admins_only");
    lua_callk(L, 2, 1, 0, refuse_in_words);
    return refuse_in_words(L, LUA_OK, 0);
}

/* ctx:require_admin([text]): ends the handler, with an answer, for anybody else.
 *                                                                       [waits] */
int ctx_require_admin(lua_State *L)
{
    lua_settop(L, 2);
    luaL_optstring(L, 2, NULL);
    return ask_admin(L, refuse_unless_admin);
}
