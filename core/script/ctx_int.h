/*
 * ctx_int.h - between the parts of ctx: ctx_send.c, ctx_members.c, ctx_typing.c,
 * ctx_lua.c. What is in lua/moonpost.*.lua stands on ctx_push_core().
 */
#ifndef SCRIPT_CTX_INT_H
#define SCRIPT_CTX_INT_H

#include "script/ctx.h"
#include "script/generation.h"
#include "script/task.h"

/* --- ctx_send.c: what every bot does all the time, so it is C --------------------- */

int ctx_reply(lua_State *L);
int ctx_answer(lua_State *L);

/* {"chat_id":…: the chat of the update, and the topic that it came from. Raises when
 * there is none. */
void ctx_add_chat(lua_State *L, struct buf *body, const struct update *u);

/* --- ctx_members.c ------------------------------------------------------------------ */

int ctx_is_admin(lua_State *L);
int ctx_require_admin(lua_State *L);

/* core.member(chat_id, user_id) -> ChatMember, or nil: Telegram finds no such person
 * there.                                                                 [waits] */
int ctx_core_member(lua_State *L);
int ctx_core_forget(lua_State *L);

/* --- ctx_fields.c: each pushes its value, which may be nil ------------------------- */

int ctx_get_business_connection_id(lua_State *L, struct task *t);
int ctx_get_caption(lua_State *L, struct task *t);
int ctx_get_here(lua_State *L, struct task *t);
int ctx_get_inline_message_id(lua_State *L, struct task *t);
int ctx_get_me(lua_State *L, struct task *t);
int ctx_get_message_id(lua_State *L, struct task *t);
int ctx_get_reply_to(lua_State *L, struct task *t);
int ctx_get_sender_chat(lua_State *L, struct task *t);
int ctx_get_topic(lua_State *L, struct task *t);
int ctx_get_user_id(lua_State *L, struct task *t);

/* --- ctx_typing.c ------------------------------------------------------------------- */

/* core.keep_typing(params) -> a value to close: sendChatAction again and again until
 * then. */
int ctx_core_keep_typing(lua_State *L);
void ctx_typing_open(lua_State *L); /* once for a state */

/* --- ctx_lua.c ---------------------------------------------------------------------- */

/* Push the method of that name of lua/moonpost.ctx.lua.           [-0, +1, v] */
void ctx_push_lua_method(lua_State *L, struct generation *gen,
                         const char *name);
/* Go on in the Lua method of that name, with the arguments from 1 on: only as
 * return ctx_go_on_in_lua(…).                                            [waits] */
int ctx_go_on_in_lua(lua_State *L, const char *name);

#endif
